"""Which values lie in blocks: what nobody could compute otherwise, and what costs less."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Activation, Concat, Conv2D, Dense, Elementwise, Pool2D
from zqcnn_xp_llvm.planner.assign import assign, dense_reads_blocks, window_of
from zqcnn_xp_llvm.planner.fuse import make_steps
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.target import host_target


def kinds(harness, nodes, shapes, outputs, width=None, planar=None):
    graph = harness.graph_of(nodes, shapes, outputs)
    sizes = graph.shapes(shapes)
    target = host_target(width)
    steps = make_steps(graph, sizes, target.lanes)
    wanted = {*shapes, *outputs} if planar is None else planar
    return assign(steps, sizes, wanted, Pool(target, exact=True))


def chain(c, hw, depth=4):
    conv = Conv2D(c, (3, 3), pads=(1, 1, 1, 1))
    nodes = [(f"c{k}", conv, [f"c{k - 1}" if k else "x"]) for k in range(depth)]
    return nodes, {"x": (1, c, hw, hw)}, [f"c{depth - 1}"]


def test_many_channels_lie_in_blocks_and_few_in_rows(harness, width):
    found = kinds(harness, *chain(64, 14), width)
    assert all(found[f"c{k}"] for k in range(3))
    found = kinds(harness, *chain(3, 200), width)
    assert not any(found.values())


def test_every_value_has_a_kind_and_inputs_come_in_logical_order(harness, width):
    nodes = [
        ("a", Conv2D(24, (3, 3)), ["x"]),
        ("p", Pool2D("max", (2, 2), (2, 2)), ["a"]),
        ("r", Activation("relu"), ["p"]),
        ("s", Elementwise("sum"), ["p", "r"]),
        ("k", Concat(1), ["s", "p"]),
        ("d", Dense(10), ["k"]),
    ]
    shapes = {"x": (1, 3, 30, 30)}
    found = kinds(harness, nodes, shapes, ["d"], width)
    assert found["x"] is False
    assert found["d"] is False  # no map
    assert {"x", "d"} <= set(found)


def test_short_rows_of_strided_convolutions_lie_in_blocks(harness, width):
    """There is no kernel of rows for them, whatever it would cost."""
    nodes = [("a", Conv2D(3, (3, 3), (3, 3)), ["x"]), ("b", Conv2D(3, (1, 1)), ["a"])]
    found = kinds(harness, nodes, {"x": (1, 3, 64, 64)}, ["b"], width)
    assert found["a"]


@pytest.mark.parametrize(
    ("shape", "lanes", "want"),
    [((1, 16, 3, 3), 8, True), ((1, 12, 3, 3), 8, False), ((1, 16), 8, False)],
)
def test_products_read_blocks_without_empty_lanes(shape, lanes, want):
    assert dense_reads_blocks(shape, lanes) is want


def test_steps_without_a_window_are_named(harness):
    graph = harness.single(Activation("relu"), (1, 3, 4, 4))
    (step,) = make_steps(graph, graph.shapes({"x0": (1, 3, 4, 4)}), 8)
    with pytest.raises(TypeError, match="has no window"):
        window_of(step, (1, 3, 4, 4))
