"""A plan told in words, and run stage by stage: every node once, the same results."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops import Activation, Conv2D, Dense, L2Normalize, Pool2D, Softmax, Upsample
from zqcnn_xp.session import Session
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.planner.describe import plan_rows, stages

SHAPE = (2, 3, 24, 20)
NODES = [
    ("a", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
    ("r", Activation("relu"), ["a"]),
    ("p", Pool2D("max", (2, 2), (2, 2)), ["r"]),
    ("u", Upsample("bilinear", scale=(2.0, 2.0)), ["p"]),
    ("n", L2Normalize(), ["u"]),
    ("d", Dense(6), ["n"]),
    ("s", Softmax(1), ["d"]),
]


@pytest.fixture
def graph(harness):
    return harness.graph_of(NODES, {"x": SHAPE}, ["s", "p"])


@pytest.mark.parametrize("threads", [1, 3])
def test_a_trace_names_every_node_once(harness, graph, threads):
    made = LlvmBackend(threads=threads)
    x = harness.draw({"x": SHAPE})["x"]
    rows = made.compile(graph, {"x": SHAPE}).trace({"x": to_storage(np, x)})
    named = [node for row in rows for node in row.nodes]
    assert sorted(named) == sorted(node.name for node in graph.nodes)
    assert all(row.seconds > 0 for row in rows)
    trace = Session(graph, made, fold=False).trace(x)
    assert {row.name for row in trace.rows} >= {"u"}


def test_a_traced_call_changes_nothing(harness, graph):
    made = LlvmBackend()
    executable = made.compile(graph, {"x": SHAPE})
    x = {"x": to_storage(np, harness.draw({"x": SHAPE})["x"])}
    before = executable(x)
    executable.trace(x)
    for name, y in executable(x).items():
        np.testing.assert_array_equal(y, before[name])


def test_a_plan_in_words(graph):
    template = LlvmBackend().compile(graph, {"x": SHAPE}).template
    rows, weights = plan_rows(template)
    listed = list(stages(template))
    assert len(rows) == len(listed)
    assert {row.kind for row in rows} == {"samples", "batch", "host"}
    (host,) = [row for row in rows if row.kind == "host"]
    assert (host.name, host.kernel, host.instructions) == ("u", "host", 0)
    assert [row.phase for row in rows] == sorted(row.phase for row in rows)
    assert 0 < max(row.weight_bytes for row in rows) <= weights
    product = next(row for row in rows if row.name.startswith("d"))
    assert product.instructions == sum(
        len(stage.instructions()) for stage in listed if stage.name == product.name
    )
