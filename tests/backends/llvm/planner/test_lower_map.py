"""Elementwise steps, softmax and everything that moves elements, against the references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    Crop,
    Elementwise,
    Flatten,
    PReLU,
    Reorg,
    Reshape,
    Scalar,
    Scale,
    Slice,
    Softmax,
    Transpose,
    Unary,
    Upsample,
)

SIZES = (1, 3, 4, 7, 8, 15, 16, 17, 31, 33)
sizes = st.sampled_from(SIZES)
maps = st.tuples(st.integers(1, 5), sizes, sizes, sizes)
ALONE = [
    Activation("elu", alpha=0.7),
    Activation("softplus"),
    Activation("swish"),
    PReLU(),
    BatchNorm(),
    Scale(),
    Scale(bias=False),
    Scale(scale=False),
    Scalar("reverse_subtract", 0.5),
    Scalar("min", 0.25),
    Scalar("power", 2.0),
    Unary("abs"),
]


@settings(max_examples=3, deadline=None)
@given(ops=st.lists(st.sampled_from(ALONE), min_size=1, max_size=3), shape=maps)
def test_chains_of_ops_on_single_elements(harness, width, checked, ops, shape):
    for sizes in (shape, shape[:2]):
        if len(sizes) == 2 and any(not isinstance(op, Activation | Unary | Scalar) for op in ops):
            continue
        nodes = [(f"n{k}", op, [f"n{k - 1}" if k else "x"]) for k, op in enumerate(ops)]
        graph = harness.graph_of(nodes, {"x": sizes}, [nodes[-1][0]])
        harness.check(graph, {"x": sizes}, width, checked=checked)


@settings(max_examples=4, deadline=None)
@given(
    kind=st.sampled_from(["sum", "product", "max"]),
    shape=maps,
    others=st.lists(
        st.sampled_from(["same", "pixel", "row", "scalar", "batch"]), min_size=1, max_size=3
    ),
    blocks=st.booleans(),
)
def test_elementwise_with_broadcast(harness, width, checked, kind, shape, others, blocks):
    n, c, h, w = shape
    small = {
        "same": shape,
        "pixel": (n, c, 1, 1),
        "row": (n, 1, 1, w),
        "scalar": (n, 1, 1, 1),
        "batch": (1, c, h, w),
    }
    shapes = {"x": shape} | {f"y{k}": small[kind] for k, kind in enumerate(others)}
    nodes = [("z", Elementwise(kind), list(shapes))]
    if blocks:
        nodes = [
            ("a", Conv2D(c, (1, 1)), ["x"]),
            ("z", Elementwise(kind), ["a", *list(shapes)[1:]]),
            ("q", Conv2D(3, (1, 1)), ["z"]),
        ]
    graph = harness.graph_of(nodes, shapes, [nodes[-1][0]])
    harness.check(graph, shapes, width, checked=checked)


@settings(max_examples=3, deadline=None)
@given(
    shape=st.one_of(maps, st.tuples(st.integers(1, 3), sizes), st.tuples(*[st.integers(1, 9)] * 3)),
    axis=st.integers(1, 3),
    scale=st.sampled_from([1.0, 100.0]),
)
def test_softmax_over_any_axis(harness, width, checked, shape, axis, scale):
    axis = min(axis, len(shape) - 1)
    graph = harness.single(Softmax(axis), shape)
    xs = {"x0": harness.draw({"x0": shape})["x0"] * np.float32(scale)}
    found = harness.run(harness.backend(width, checked=checked), graph, xs)
    harness.compare(found, harness.expected(graph, xs), 1e-6)
    np.testing.assert_allclose(found["y"].sum(axis), 1.0, rtol=1e-5)


@settings(max_examples=4, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), sizes, st.sampled_from((1, 4, 7, 8)), sizes),
    more=st.lists(sizes, min_size=1, max_size=3),
    axis=st.integers(1, 3),
    blocks=st.booleans(),
)
def test_concat(harness, width, checked, shape, more, axis, blocks):
    shapes = {"x": shape}
    for k, size in enumerate(more):
        shapes[f"y{k}"] = tuple(size if k == axis else s for k, s in enumerate(shape))
    nodes = [("z", Concat(axis), list(shapes))]
    if blocks:
        nodes = [(f"a{k}", Conv2D(shapes[v][1], (1, 1)), [v]) for k, v in enumerate(shapes)]
        nodes += [("z", Concat(axis), [name for name, _, _ in nodes]), ("q", PReLU(), ["z"])]
        nodes += [("r", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["q"])]
    graph = harness.graph_of(nodes, shapes, [nodes[-1][0]])
    harness.check(graph, shapes, width, checked=checked)


@st.composite
def moves(draw):
    """An op that moves elements, and the shapes of its inputs."""
    n, c, h, w = shape = draw(st.tuples(st.integers(1, 3), sizes, sizes, sizes))
    kind = draw(st.sampled_from(["slice", "upsample", "crop", "transpose", "reorg"]))
    if kind == "slice":
        axis = draw(st.integers(1, 3))
        size = shape[axis]
        start = draw(st.integers(0, size - 1))
        stop = draw(st.integers(start + 1, size))
        return Slice(axis, start, stop, draw(st.integers(1, 3))), (shape,)
    if kind == "upsample":
        size = (h * draw(st.integers(1, 3)), w * draw(st.integers(1, 3)))
        return Upsample("nearest", size=size, rounding="floor"), (shape,)
    if kind == "crop":
        like = (n, draw(st.integers(1, c)), draw(st.integers(1, h)), draw(st.integers(1, w)))
        return Crop(1, center=True), (shape, like)
    if kind == "transpose":
        return Transpose((0, *draw(st.permutations((1, 2, 3))))), (shape,)
    s = draw(st.sampled_from([2, 3]))
    order = draw(st.sampled_from(["darknet", "block", "channel"]))
    shape = (n, s * s * min(c, 8), s * min(h, 8), s * min(w, 8))
    return Reorg(s, order), (shape,)


@settings(max_examples=6, deadline=None)
@given(case=moves(), blocks=st.booleans())
def test_ops_that_move_elements(harness, width, checked, case, blocks):
    op, ins = case
    shapes = {f"x{k}": shape for k, shape in enumerate(ins)}
    nodes = [("y", op, list(shapes))]
    if blocks:
        # Between convolutions, which like blocks of channels.
        nodes = [
            ("a", Conv2D(ins[0][1], (1, 1)), ["x0"]),
            ("y", op, ["a", *list(shapes)[1:]]),
            ("q", Conv2D(4, (1, 1)), ["y"]),
        ]
    graph = harness.graph_of(nodes, shapes, [nodes[-1][0]])
    harness.check(graph, shapes, width, checked=checked)


@settings(max_examples=3, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), sizes, st.sampled_from((1, 3, 8)), sizes),
    c=st.sampled_from((16, 24)),
)
def test_reshapes(harness, width, checked, shape, c):
    """They share memory with what they reshape, or copy where it leaves the arena."""
    nodes = [
        ("a", Conv2D(c, (1, 1)), ["x"]),
        ("r", Reshape((0, 4, -1, shape[3])), ["a"]),
        ("f", Flatten(form="drop"), ["r"]),
        ("g", Activation("relu"), ["f"]),
        ("t", Transpose((0, 2, 1, 3)), ["r"]),
        ("s", Softmax(1), ["t"]),
        ("i", Flatten(), ["x"]),
    ]
    graph = harness.graph_of(nodes, {"x": shape}, ["g", "s", "r", "i"])
    harness.check(graph, {"x": shape}, width, checked=checked)


@pytest.mark.parametrize(
    "op", [Upsample("nearest", size=(5, 9)), Upsample("bilinear", size=(9, 9))]
)
def test_what_the_planner_leaves_to_the_references(harness, width, checked, op):
    shapes = {"x": (2, 16, 4, 6)}
    nodes = [
        ("a", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
        ("u", op, ["a"]),
        ("y", Conv2D(16, (3, 3)), ["u"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["y"])
    harness.check(graph, shapes, width, checked=checked)
    phases = harness.steps_of(graph, shapes)
    assert [("HostStep", "u")] in phases


def test_batches_that_are_mixed(harness, width, checked):
    """What has another number of samples than the run is the references'."""
    nodes = [
        ("t", Transpose((1, 0)), ["x"]),
        ("r", Activation("tanh"), ["t"]),
        ("b", Transpose((1, 0)), ["r"]),
        ("y", Activation("relu"), ["b"]),
    ]
    for shape in ((40, 3), (3, 40), (1, 7)):
        graph = harness.graph_of(nodes, {"x": shape}, ["y", "r"])
        harness.check(graph, {"x": shape}, width, checked=checked)


def test_inputs_of_unlike_batches_after_like_ones(harness, width, checked):
    graph = harness.graph_of(
        [("y", Elementwise("sum"), ["a", "b"])],
        {"a": (1, 4, 5, 6), "b": (1, 4, 5, 6)},
        ["y"],
    )
    for first, second in ((1, 1), (3, 1), (3, 3), (1, 3)):
        shapes = {"a": (first, 4, 5, 6), "b": (second, 4, 5, 6)}
        harness.check(graph, shapes, width, checked=checked)
