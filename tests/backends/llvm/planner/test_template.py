"""Where values lie: copies between layouts, arrays between phases, memory that is shared."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import (
    Activation,
    Conv2D,
    Dense,
    Flatten,
    Pool2D,
    Softmax,
    Transpose,
    Upsample,
)
from zqcnn_xp_llvm.planner.held import ARENA


def template_of(harness, nodes, shapes, outputs):
    graph = harness.graph_of(nodes, shapes, outputs)
    return harness.backend().compile(graph, shapes).template


CONV = Conv2D(64, (3, 3), pads=(1, 1, 1, 1))


def test_a_chain_is_copied_in_and_out_alone(harness):
    nodes = [(f"c{k}", CONV, [f"c{k - 1}" if k else "x"]) for k in range(4)]
    template = template_of(harness, nodes, {"x": (1, 64, 14, 14)}, ["c3"])
    ((*actions,),) = template.actions
    steps = [action.step for action in actions]
    copies = [k for k, step in enumerate(steps) if step is None]
    assert copies == [0, len(steps) - 1]
    assert [h.value for h in template.arrays] == ["x", "c3"]
    assert all(h.layout.kind == "plain" for h in template.arrays)


def test_what_outlives_its_step_in_the_arena_shares_memory(harness):
    nodes = [(f"c{k}", CONV, [f"c{k - 1}" if k else "x"]) for k in range(12)]
    template = template_of(harness, nodes, {"x": (1, 64, 14, 14)}, ["c11"])
    one = 64 * 16 * 16 * 4
    assert template.arena.size < 4 * one


def test_values_that_cross_phases_have_arrays(harness):
    nodes = [
        ("a", CONV, ["x"]),
        ("d", Dense(10), ["a"]),
        ("u", Upsample("bilinear", scale=(2.0, 2.0)), ["a"]),
        ("r", Activation("tanh"), ["u"]),
        ("s", Softmax(1), ["d"]),
    ]
    template = template_of(harness, nodes, {"x": (1, 64, 6, 6)}, ["r", "s"])
    held = {h.value for h in template.arrays}
    assert held == {"x", "a", "d", "u", "r", "s"}
    kinds = [phase.kind for phase in template.phases]
    assert kinds == ["samples", "batch", "samples", "host", "samples"] or "host" in kinds


@pytest.mark.parametrize("outside", [False, True])
def test_a_product_reads_blocks_unless_somebody_reads_logical_order(harness, outside):
    nodes = [("a", CONV, ["x"]), ("d", Dense(10), ["a"])]
    outputs = ["d", "a"] if outside else ["d"]
    template = template_of(harness, nodes, {"x": (1, 64, 6, 6)}, outputs)
    held = {h.value: h.layout.kind for h in template.arrays}
    assert held["a"] == ("plain" if outside else "blocks")
    for phase, actions in zip(template.phases, template.actions, strict=True):
        if phase.kind == "batch":
            # Whole batches: nothing there may lie in memory of one sample.
            assert all(h.buffer is not ARENA for a in actions for h in (*a.reads, a.writes))
            assert all(action.step is not None for action in actions)


def test_reshapes_inside_share_memory(harness):
    nodes = [
        ("p", Pool2D("average", None), ["x"]),
        ("f", Flatten(form="drop"), ["p"]),
        ("r", Activation("relu"), ["f"]),
    ]
    template = template_of(harness, nodes, {"x": (1, 5, 6, 6)}, ["r"])
    names = [action.step.name for actions in template.actions for action in actions if action.step]
    assert "f" not in names


def test_steps_that_write_logical_order_do(harness):
    """Whatever border or padding their readers would like."""
    nodes = [
        ("t", Transpose((0, 1, 3, 2)), ["x"]),
        ("c", Conv2D(4, (3, 3), pads=(1, 1, 1, 1)), ["t"]),
        ("s", Softmax(3), ["c"]),
        ("q", Pool2D("max", (3, 3), (1, 1), (1, 1, 1, 1)), ["s"]),
    ]
    template = template_of(harness, nodes, {"x": (1, 3, 9, 21)}, ["q"])
    for actions in template.actions:
        for action in actions:
            if action.step is not None and action.step.name in ("t", "s"):
                assert action.writes.layout.kind == "plain"


def test_plans_do_not_depend_on_the_number_of_samples(harness):
    nodes = [("a", CONV, ["x"]), ("y", Activation("relu"), ["a"])]
    template = template_of(harness, nodes, {"x": (1, 64, 9, 9)}, ["y"])
    one, two = template.instructions(0, 1), template.instructions(0, 5)
    assert [(i.kernel, i.integers) for i in one] == [(i.kernel, i.integers) for i in two]
    assert np.all([held.buffer.sample == held.layout.bytes for held in template.arrays])
