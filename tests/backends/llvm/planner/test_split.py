"""Parts that threads run at the same time: together they make all rows, and no two write one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops import Activation, Conv2D, Dense, Pool2D
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.planner.split import parts_of


def template_of(harness, nodes, shapes, outputs, width=None):
    graph = harness.graph_of(nodes, shapes, outputs)
    return graph, LlvmBackend(width=width, checked=True, exact=True).compile(graph, shapes)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "op",
    [
        Conv2D(24, (3, 3), pads=(1, 1, 1, 1)),
        Conv2D(24, (3, 3), (2, 2), pads=(1, 1, 1, 1)),
        Conv2D(16, (3, 3), pads=(1, 1, 1, 1), groups=16),
        Pool2D("max", (2, 2), (2, 2)),
        Activation("relu"),
    ],
)
def test_any_order_of_parts_gives_the_same(harness, op, threads):
    """Parts run backwards here: none may need what another one makes."""
    shapes = {"x": (1, 16, 45, 50)}
    graph, _ = template_of(harness, [("y", op, ["x"])], shapes, ["y"])
    xs = harness.draw(shapes)
    made = LlvmBackend(checked=True, exact=True, threads=threads)
    run = made.compile(graph, shapes)
    works = [work for phase in run.work for work in phase]
    assert max(len(work.parts) for work in works) <= 2 * threads
    if threads > 1 and isinstance(op, Conv2D):
        assert max(len(work.parts) for work in works) > 1
    forwards = run({"x": to_storage(np, xs["x"])})["y"]
    run.work = [[replace(work, parts=work.parts[::-1]) for work in phase] for phase in run.work]
    backwards = run({"x": to_storage(np, xs["x"])})["y"]
    np.testing.assert_array_equal(forwards, backwards)
    np.testing.assert_array_equal(
        forwards, to_storage(np, harness.run(harness.backend(checked=True), graph, xs)["y"])
    )


def test_a_product_is_cut_along_its_outputs(harness):
    shapes = {"x": (2, 33)}
    graph, run = template_of(harness, [("y", Dense(500), ["x"])], shapes, ["y"])
    template = run.template
    (group,) = [
        group
        for phase, groups in zip(template.phases, template.groups, strict=True)
        for group in groups
        if phase.kind == "batch"
    ]
    (whole,) = parts_of(template, group, 2, 1)
    cut = parts_of(template, group, 2, 3)
    assert len(cut) > 1

    def groups(parts):
        place = parts[0][0].kernel.integers.index("groups")
        return sum(i.integers[place] for part in parts for i in part)

    assert groups(cut) == groups([whole])
    made = LlvmBackend(checked=True, threads=3)
    xs = harness.draw(shapes)
    harness.compare(harness.run(made, graph, xs), harness.expected(graph, xs))
