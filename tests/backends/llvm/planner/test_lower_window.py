"""Pooling of all kinds and depthwise convolutions, against their references in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Activation, Conv2D, Elementwise, Pool2D, PReLU

SIZES = (1, 3, 4, 7, 8, 15, 16, 17, 31, 33)
sizes = st.sampled_from(SIZES)
pads = st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 2)] * 4))


@settings(max_examples=4, deadline=None)
@given(
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 3), (5, 5), (7, 2), (9, 1), (3, 9)]),
    stride=st.sampled_from([(1, 1), (2, 2), (1, 2), (3, 1), (2, 3)]),
    dilation=st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3)]),
    pads=pads,
    bias=st.booleans(),
    activation=st.sampled_from([None, PReLU(), Activation("relu"), Activation("sigmoid")]),
    shape=st.tuples(st.integers(1, 5), sizes.filter(lambda c: c > 1), sizes, sizes),
    residual=st.booleans(),
)
def test_depthwise(
    harness, width, checked, kernel, stride, dilation, pads, bias, activation, shape, residual
):
    n, c, h, w = shape
    h, w = max(min(h, 17), (kernel[0] - 1) * dilation[0] + 1), max(w, (kernel[1] - 1) * 3 + 1)
    op = Conv2D(c, kernel, stride, dilation, pads, c, bias, activation)
    nodes = [("a", op, ["x"])]
    if residual:
        nodes += [("b", replace(op, activation=None), ["x"]), ("s", Elementwise("sum"), ["b", "a"])]
    graph = harness.graph_of(nodes, {"x": (n, c, h, w)}, [nodes[-1][0]])
    harness.check(graph, {"x": (n, c, h, w)}, width, checked=checked)
    harness.check(graph, {"x": (1, c, h + 2, w + 7)}, width, checked=checked)


@settings(max_examples=5, deadline=None)
@given(
    kind=st.sampled_from(["max", "average"]),
    kernel=st.sampled_from([(2, 2), (3, 3), (3, 2), (1, 1), (5, 5), (8, 8), None]),
    stride=st.sampled_from([(1, 1), (2, 2), (2, 2), (1, 2), (3, 3)]),
    dilation=st.sampled_from([(1, 1), (1, 1), (2, 1)]),
    pads=st.one_of(st.just((0, 0, 0, 0)), pads),
    ceil=st.booleans(),
    clip=st.booleans(),
    value=st.sampled_from(["ignore", "zero"]),
    count=st.sampled_from(["valid", "padded", "kernel"]),
    shape=st.tuples(st.integers(1, 5), sizes, sizes, sizes),
)
def test_pooling(
    harness, width, checked, kind, kernel, stride, dilation, pads, ceil, clip, value, count, shape
):
    spans = [(k - 1) * d for k, d in zip(kernel or (1, 1), dilation, strict=True)]
    if kernel is not None and pads != "same_upper":
        # A window has to see a cell.
        most = (spans[0], spans[0], spans[1], spans[1])
        pads = tuple(min(p, m) for p, m in zip(pads, most, strict=True))
    op = Pool2D(kind, kernel, stride, pads, ceil, clip, value, count)
    op = replace(op, dilation=dilation) if kernel else op
    n, c, h, w = shape
    h, w = (max(min(h, 17), 15), max(w, 8)) if kernel else (h, w)
    graph = harness.single(op, (n, c, h, w))
    harness.check(graph, {"x0": (n, c, h, w)}, width, checked=checked)
    harness.check(graph, {"x0": (1, c, h + 1, w + 9)}, width, checked=checked)


@pytest.mark.parametrize("c", [1, 16, 19])
@pytest.mark.parametrize("value", ["ignore", "zero"])
def test_a_maximum_of_negative_numbers_at_the_border(harness, width, checked, value, c):
    op = Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), pad_value=value)
    graph = harness.single(op, (2, c, 17, 33))
    xs = {"x0": -1.0 - np.abs(harness.draw({"x0": (2, c, 17, 33)})["x0"])}
    found = harness.run(harness.backend(width, checked=checked), graph, xs)
    harness.compare(found, harness.expected(graph, xs))
    assert (found["y"].max() == 0.0) == (value == "zero")


def test_a_maximum_of_what_is_not_negative_shares_a_border_of_zeros(harness, width, checked):
    """A convolution and a pooling read one map; each gets the border that it needs."""
    nodes = [
        ("a", Conv2D(16, (3, 3), pads=(1, 1, 1, 1), activation=Activation("relu")), ["x"]),
        ("p", Pool2D("max", (3, 3), (1, 1), (1, 1, 1, 1)), ["a"]),
        ("b", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["a"]),
        ("q", Pool2D("max", (3, 3), (1, 1), (1, 1, 1, 1)), ["b"]),
        ("c", Conv2D(5, (3, 3), pads=(1, 1, 1, 1)), ["b"]),
    ]
    shapes = {"x": (2, 3, 9, 17)}
    graph = harness.graph_of(nodes, shapes, ["p", "q", "c"])
    harness.check(graph, shapes, width, checked=checked)


@pytest.mark.parametrize("c", [3, 16])
@pytest.mark.parametrize("kind", ["max", "average", "depthwise"])
def test_numbers_that_are_not_finite(harness, width, checked, kind, c):
    op = Pool2D(kind, (2, 2), (2, 2)) if kind != "depthwise" else Conv2D(c, (2, 2), groups=c)
    graph = harness.single(op, (1, c, 8, 40))
    x = harness.draw({"x0": (1, c, 8, 40)})["x0"].copy()
    x[0, :, 2, ::7] = np.nan
    x[0, 0, 4, 3], x[0, 1, 5, 20] = np.inf, -np.inf
    found = harness.run(harness.backend(width, checked=checked), graph, {"x0": x})["y"]
    (want,) = op.forward(np, graph.nodes[0].weights, x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(found, want.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-5)
