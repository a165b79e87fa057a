"""A trace has the steps of the plan that runs, each in its place."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.executable import Traceable
from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops import Activation, Conv2D, Elementwise, L2Normalize, Softmax
from zqcnn_xp.session import Session

pytest.importorskip("llvmlite")


def net(harness):
    """Two convolutions that are summed and rectified, then something for the host, then softmax."""
    return harness.graph_of(
        [
            ("a", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
            ("b", Conv2D(16, (1, 1)), ["a"]),
            ("s", Elementwise("sum"), ["a", "b"]),
            ("r", Activation("relu"), ["s"]),
            ("n", L2Normalize(across_spatial=True), ["r"]),
            ("p", Softmax(1), ["n"]),
        ],
        {"x": (1, 3, 9, 11)},
        ["p"],
    )


@pytest.mark.parametrize("count", [1, 3])
def test_rows_are_the_steps_of_the_plan(harness, count):
    graph = net(harness)
    session = Session(graph, harness.backend())
    x = harness.draw({"x": (count, 3, 9, 11)})["x"]
    rows = session.trace(x).rows
    names = [row.name for row in rows if row.type != "copy"]
    assert names == ["a", "b+s+r", "n", "p"]
    found = {row.name: row for row in rows}
    assert found["b+s+r"].type == "Conv2D+Elementwise+Activation"
    assert found["n"].kernel == "host"
    assert found["p"].kernel == "softmax"
    assert all(row.kernel for row in rows)
    assert all(row.seconds > 0 for row in rows)
    assert all(row.shape == (count, 16, 9, 11) for row in rows if row.name != "copy of x")
    shapes = graph.shapes({"x": x.shape})
    cost = sum(n.op.muladds(*(shapes[v] for v in n.inputs)) for n in graph.nodes)
    assert sum(row.muladds for row in rows) == cost


def test_a_call_after_a_trace_gives_what_one_before_it_gave(harness):
    graph = net(harness)
    session = Session(graph, harness.backend())
    x = harness.draw({"x": (2, 3, 9, 11)})["x"]
    before = session(x)["p"]
    session.trace(x)
    np.testing.assert_array_equal(session(x)["p"], before)
    harness.compare({"p": before}, harness.expected(graph, {"x": x}))


def test_steps_run_on_what_the_host_has_made(harness, monkeypatch):
    """Each round of a trace the host makes new arrays; the steps behind it must read those."""
    import zqcnn_xp_llvm.tracing as tracing
    from zqcnn_xp_llvm.program import FIRST_ARRAY

    graph = net(harness)
    executable = harness.backend().compile(graph, {"x": (1, 3, 9, 11)})
    assert isinstance(executable, Traceable)
    placed = []

    def seen(call, runs, hosted, timer):
        times = timed(call, runs, hosted, timer)
        if any(hosted):
            numbers = dict(executable.known)
            (held,) = (k for k, name in numbers.items() if name == "n")
            address = call.context.bases[0, 2 * (FIRST_ARRAY + held)]
            placed.append(address == call.values["n"].ctypes.data)
        return times

    timed = tracing._timed
    monkeypatch.setattr(tracing, "_timed", seen)
    x = harness.draw({"x": (1, 3, 9, 11)})["x"]
    executable.trace({"x": to_storage(np, x)})
    assert placed
    assert all(placed)


def test_starting_a_step_is_not_part_of_its_time(harness, monkeypatch):
    import zqcnn_xp_llvm.tracing as tracing

    now = [0.0]

    def clock():
        now[0] += 0.125  # what starting takes here
        return now[0]

    monkeypatch.setattr(tracing, "thread_time", clock)
    graph = harness.single(Activation("relu"), (1, 16, 4, 4))
    executable = harness.backend().compile(graph, {"x0": (1, 16, 4, 4)})
    x = to_storage(np, harness.draw({"x0": (1, 16, 4, 4)})["x0"])
    steps = executable.trace({"x0": x})
    assert [step.nodes for step in steps if step.nodes] == [("y",)]
    assert all(step.seconds == tracing._LEAST for step in steps)
