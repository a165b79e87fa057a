"""Convolutions and matrix products of any attributes, against their references in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Activation, Conv2D, Dense, Elementwise, MaxFeatureMap, PReLU

SIZES = (1, 3, 4, 7, 8, 15, 16, 17, 31, 33)
ACTIVATIONS = [
    None,
    PReLU(),
    PReLU(shared=True),
    Activation("relu"),
    Activation("clip", low=-0.5, high=1.0),
    Activation("leaky_relu", alpha=0.1),
    Activation("hard_swish", alpha=1 / 6),
    Activation("mish"),
]
sizes = st.sampled_from(SIZES)
few = settings(max_examples=4, deadline=None)


@st.composite
def convolutions(draw):
    """A convolution and the shape of its input, which holds a window at least."""
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (2, 3), (5, 1), (1, 4), (5, 5), (7, 7)]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1), (1, 3), (4, 4)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)]))
    side = st.integers(0, 3)
    pads = draw(st.one_of(st.just("same_upper"), st.tuples(side, side, side, side)))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    c, o = (groups * draw(sizes) for _ in range(2))
    h, w = (max(draw(sizes), (k - 1) * d + 1) for k, d in zip(kernel, dilation, strict=True))
    op = Conv2D(o, kernel, stride, dilation, pads, groups, draw(st.booleans()))
    op = replace(op, activation=draw(st.sampled_from(ACTIVATIONS)))
    return op, (draw(st.integers(1, 5)), min(c, 33), min(h, 19), w)


@few
@given(case=convolutions(), seed=st.integers(0, 99))
def test_convolution(harness, width, checked, case, seed):
    op, shape = case
    if shape[1] % op.groups:
        shape = (shape[0], op.groups, *shape[2:])
    graph = harness.single(op, shape, seed=seed)
    harness.check(graph, {"x0": shape}, width, checked=checked, seed=seed)
    # Kernels do not depend on sizes: another size of the same network uses them again.
    _, c, h, w = shape
    harness.check(graph, {"x0": (1, c, h + 1, w + 5)}, width, checked=checked, seed=seed + 1)


@settings(max_examples=3, deadline=None)
@given(
    channels=st.tuples(sizes, sizes),
    kernel=st.sampled_from([(1, 1), (3, 3), (3, 2)]),
    stride=st.sampled_from([(1, 1), (2, 2)]),
    tail=st.sampled_from(["residual", "twice", "prelu"]),
    size=st.tuples(st.sampled_from((3, 7, 16)), sizes),
    batch=st.integers(1, 3),
    fixed=st.booleans(),
)
def test_what_follows_a_convolution(
    harness, width, checked, channels, kernel, stride, tail, size, batch, fixed
):
    """Sums with another map, before and after an activation, join the convolution."""
    c, o = channels
    first = Conv2D(o, kernel, stride, pads=(1, 1, 1, 1))
    nodes = [("a", first, ["x"]), ("b", Conv2D(o, (1, 1), stride, pads=(0, 0, 0, 0)), ["x"])]
    if kernel != (1, 1):
        nodes[1] = ("b", replace(first, activation=PReLU()), ["x"])
    else:
        nodes[1] = ("b", first, ["x"])
    last = {
        "residual": [("s", Elementwise("sum"), ["a", "b"]), ("y", Activation("relu"), ["s"])],
        "twice": [("r", PReLU(), ["a"]), ("y", Elementwise("sum", (1.0, -0.5)), ["b", "r"])],
        "prelu": [("s", Elementwise("max"), ["b", "a"]), ("y", PReLU(), ["s"])],
    }[tail]
    shapes = {"x": (batch, c, *size)}
    graph = harness.graph_of([*nodes, *last], shapes, ["y"], fixed=fixed)
    harness.check(graph, shapes, width, checked=checked)
    kinds = [kind for phase in harness.steps_of(graph, {"x": (1, c, *size)}) for kind, _ in phase]
    assert len(kinds) <= 3
    assert "HostStep" not in kinds


@settings(max_examples=2, deadline=None)
@given(c=sizes, made=st.sampled_from((1, 7, 8, 16, 17, 24)), size=st.tuples(sizes, sizes))
def test_max_feature_map(harness, width, checked, c, made, size):
    """Alone it is the references'; behind a convolution or a product it joins it."""
    shapes = {"x": (2, c, min(size[0], 16), size[1])}
    nodes = [
        ("a", Conv2D(2 * made, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
        ("m", MaxFeatureMap(), ["a"]),
        ("d", Dense(2 * made), ["m"]),
        ("y", MaxFeatureMap(), ["d"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["y"], fixed=True)
    harness.check(graph, shapes, width, checked=checked)
    names = [name for phase in harness.steps_of(graph, shapes) for _, name in phase]
    assert names == ["a+m", "d+y"]


@settings(max_examples=3, deadline=None)
@given(
    features=st.sampled_from((1, 2, 8, 15, 16, 17, 33, 64)),
    shape=st.one_of(
        st.tuples(sizes, st.sampled_from((1, 3)), st.sampled_from((1, 2, 5))),
        st.tuples(st.sampled_from((1, 7, 16, 33, 128))),
    ),
    bias=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS[:4]),
)
def test_dense(harness, width, checked, features, shape, bias, activation):
    op = Dense(features, bias, activation)
    graph = harness.single(op, (1, *shape))
    for batch in (1, 2, 5):
        harness.check(graph, {"x0": (batch, *shape)}, width, checked=checked, seed=batch)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_value_that_a_product_and_somebody_else_reads(harness, width, checked, batch):
    """Blocks for the product, logical order for the caller."""
    shapes = {"x": (batch, 3, 6, 5)}
    nodes = [
        ("a", Conv2D(16, (3, 3), activation=Activation("relu")), ["x"]),
        ("d", Dense(5), ["a"]),
        ("e", Dense(17), ["a"]),
        ("c", Conv2D(16, (1, 1)), ["a"]),
        ("f", Dense(4), ["c"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["d", "e", "a", "f"])
    harness.check(graph, shapes, width, checked=checked)


@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("batch", [1, 4])
def test_steps_cut_for_threads(harness, width, checked, threads, batch):
    shapes = {"x": (batch, 3, 61, 67)}
    nodes = [
        ("a", Conv2D(16, (3, 3), (2, 2), pads=(1, 1, 1, 1), activation=PReLU()), ["x"]),
        ("b", Conv2D(24, (3, 3), pads=(1, 1, 1, 1)), ["a"]),
        ("c", Conv2D(24, (3, 3), pads=(1, 1, 1, 1), groups=24), ["b"]),
        ("s", Elementwise("sum"), ["b", "c"]),
        ("r", Activation("relu"), ["s"]),
        ("y", Dense(70), ["r"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["y", "r"])
    xs = harness.draw(shapes)
    made = harness.backend(width, checked=checked, exact=False, threads=threads)
    found = harness.run(made, graph, xs)
    harness.compare(found, harness.expected(graph, xs), harness.TRANSFORMED)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
def test_nan_stays_nan_under_what_follows(harness, width, checked, kernel):
    """A pixel that is NaN makes its result NaN through activations and maxima."""
    shapes = {"x": (1, 8, 9, 21)}
    nodes = [
        ("a", Conv2D(16, kernel, activation=Activation("relu")), ["x"]),
        ("b", Conv2D(32, (1, 1)), ["a"]),
        ("m", MaxFeatureMap(), ["b"]),
        ("c", Conv2D(16, (1, 1), activation=Activation("clip", low=-1.0, high=1.0)), ["m"]),
        ("y", Elementwise("max"), ["a", "c"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["y"])
    x = harness.draw(shapes)["x"].copy()
    x[0, 3, 4, 10] = np.nan
    for exact in (True, False):
        made = harness.backend(width, checked=checked, exact=exact)
        found = np.isnan(harness.run(made, graph, {"x": x})["y"])
        wanted = np.isnan(harness.expected(graph, {"x": x})["y"])
        assert found[wanted].all()
        if exact:  # a transform spreads it over a tile
            np.testing.assert_array_equal(found, wanted)
