"""What joins one step, and what must not."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Elementwise,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    Scale,
    Softmax,
    Unary,
    Upsample,
)
from zqcnn_xp_llvm.planner.fuse import make_steps

SHAPE = {"x": (2, 16, 12, 20)}
CONV = Conv2D(16, (3, 3), pads=(1, 1, 1, 1))


def names(harness, nodes, outputs=None, shapes=SHAPE):
    graph = harness.graph_of(nodes, shapes, outputs or [nodes[-1][0]])
    steps = make_steps(graph, graph.shapes(shapes), 8)
    return {step.name: type(step).__name__ for step in steps}


def test_what_follows_and_alone_reads_joins(harness):
    nodes = [
        ("a", CONV, ["x"]),
        ("n", BatchNorm(), ["a"]),
        ("s", Scale(), ["n"]),
        ("r", PReLU(), ["s"]),
        ("y", Elementwise("sum"), ["x", "r"]),
        ("z", Activation("relu"), ["y"]),
    ]
    assert names(harness, nodes) == {"a+n+s+r+y+z": "ConvStep"}


def test_values_that_somebody_else_reads_stay(harness):
    nodes = [("a", CONV, ["x"]), ("r", PReLU(), ["a"]), ("y", Elementwise("sum"), ["a", "r"])]
    assert names(harness, nodes) == {"a": "ConvStep", "r+y": "MapStep"}
    nodes = [("a", CONV, ["x"]), ("r", PReLU(), ["a"])]
    assert names(harness, nodes, ["a", "r"]) == {"a": "ConvStep", "r": "MapStep"}


def test_a_sum_joins_one_of_its_products(harness):
    nodes = [("a", CONV, ["x"]), ("b", CONV, ["x"]), ("y", Elementwise("sum"), ["a", "b"])]
    found = names(harness, nodes)
    assert len(found) == 2
    assert found.get("b+y", found.get("a+y")) == "ConvStep"


def test_a_third_map_is_too_many_for_a_product(harness):
    nodes = [
        ("a", CONV, ["x"]),
        ("p", Pool2D("max", (3, 3), (1, 1), (1, 1, 1, 1)), ["x"]),
        ("q", Pool2D("average", (3, 3), (1, 1), (1, 1, 1, 1)), ["x"]),
        ("s", Elementwise("sum"), ["a", "p", "q"]),
    ]
    assert names(harness, nodes)["s"] == "MapStep"


def test_broadcast_sums_stay_alone(harness):
    shapes = {"x": (2, 16, 12, 20), "s": (2, 16, 1, 1)}
    nodes = [("a", CONV, ["x"]), ("y", Elementwise("product"), ["a", "s"])]
    assert set(names(harness, nodes, shapes=shapes).values()) == {"ConvStep", "MapStep"}


@pytest.mark.parametrize(
    ("op", "want"),
    [
        (CONV, "ConvStep"),
        (Conv2D(16, (3, 3), groups=16), "WindowStep"),
        (Conv2D(32, (3, 3), groups=2), "ConvStep"),
        (Conv2D(16, (3, 3), (3, 3), groups=4), "HostStep"),
        (Pool2D("max", (2, 2), (2, 2)), "WindowStep"),
        (Pool2D("average", (3, 3), (2, 2), (1, 1, 1, 1), count="valid"), "HostStep"),
        (Dense(5), "DenseStep"),
        (Softmax(2), "SoftmaxStep"),
        (Unary("exp"), "MapStep"),
        (Unary("log"), "HostStep"),
        (Upsample("nearest", scale=(2.0, 2.0), rounding="floor"), "MoveStep"),
        (Upsample("nearest", scale=(2.0, 2.0)), "HostStep"),
        (Upsample("bilinear", scale=(2.0, 2.0)), "HostStep"),
    ],
)
def test_the_step_of_one_op(harness, op, want):
    assert names(harness, [("y", op, ["x"])]) == {"y": want}


def test_a_maximum_of_halves_joins_a_product_without_activation(harness):
    nodes = [("a", CONV, ["x"]), ("m", MaxFeatureMap(), ["a"]), ("r", PReLU(), ["m"])]
    assert names(harness, nodes) == {"a+m+r": "ConvStep"}
    relu = Conv2D(16, (1, 1), activation=Activation("relu"))
    found = names(harness, [("a", relu, ["x"]), ("m", MaxFeatureMap(), ["a"])])
    assert "a" in found


def test_steps_come_in_an_order_in_which_they_can_run(harness):
    nodes = [
        ("a", CONV, ["x"]),
        ("b", CONV, ["a"]),
        ("c", PReLU(), ["a"]),
        ("s", Elementwise("sum"), ["c", "b"]),
        ("y", Elementwise("max"), ["s", "x"]),
    ]
    graph = harness.graph_of(nodes, SHAPE, ["y"])
    known = {"x"}
    for step in make_steps(graph, graph.shapes(SHAPE), 8):
        assert known.issuperset(step.reads)
        known.add(step.writes)
