"""Winograd's transforms: exact where numbers are short, and within stated bounds of float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Activation, Conv2D, Elementwise, MaxFeatureMap, PReLU
from zqcnn_xp_llvm.kernels.winograd import WinogradInput, WinogradOutput, transformed_weights
from zqcnn_xp_llvm.planner import template as planning


@pytest.mark.parametrize("m", [2, 4])
def test_transforms_make_a_convolution(harness, width, checked, m):
    """Input, products of one channel, output: the tile of a convolution, two blocks wide."""
    lanes = harness.lanes(width)
    side = m + 2
    rng = np.random.default_rng(m)
    # A map of 2 x 2 tiles, the last ones overlapping, in two blocks of channels.
    h, w = 2 * m - 1, 2 * m
    x = rng.standard_normal((2, h + 2, w + 2, lanes)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 1, 1)).astype(np.float32)
    places = np.zeros((side * side, 4, 2, lanes), np.float32)
    held = {"x": x, "out": places}
    integers = {"blocks": 2, "rows": 2, "row_last": h - m, "tiles": 2, "tile_last": w - m}
    integers |= {"x_row": x.strides[1], "x_block": x.strides[0]}
    integers |= {"out_place": places.strides[0], "out_tile": places.strides[1]}
    into = WinogradInput(m, 4 * harness.lanes(width))
    assert harness.call(into, held, integers, width=width, checked=checked) is None
    products = held["out"] * transformed_weights(kernel, m).reshape(side * side, 1, 1, 1)
    out = np.zeros((2, h, w, lanes), np.float32)
    bias = rng.standard_normal((2, lanes)).astype(np.float32)
    held = {"x": products, "bias": bias, "out": out}
    integers = {"blocks": 2, "rows": 2, "row_last": h - m, "tiles": 2, "tile_last": w - m}
    integers |= {"x_place": places.strides[0], "x_tile": places.strides[1]}
    integers |= {"out_row": out.strides[1], "out_block": out.strides[0]}
    back = WinogradOutput(m, 4 * harness.lanes(width), 0)
    assert harness.call(back, held, integers, width=width, checked=checked) is None
    views = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(1, 2))
    want = np.einsum("bhwlij,ij->bhwl", views, kernel[..., 0, 0]) + bias[:, None, None]
    np.testing.assert_allclose(held["out"], want, rtol=1e-5, atol=2e-5)


def always(m):
    """Transforms wherever they can be used, whatever they cost."""

    def choose(pool, step, shape):
        op = step.conv
        fits = op.kernel == (3, 3) and op.stride == op.dilation == (1, 1) and op.groups == 1
        fits = fits and min(step.shape[2:]) >= m and not pool.exact
        return (m, 1.0) if fits else (0, 1e18)

    return choose


@pytest.mark.parametrize("m", [2, 4])
@settings(max_examples=2, deadline=None)
@given(
    channels=st.tuples(st.sampled_from((1, 7, 16, 33)), st.sampled_from((1, 8, 15, 32))),
    size=st.tuples(st.integers(4, 15), st.integers(4, 21)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    tail=st.sampled_from(["none", "prelu", "residual", "pair"]),
    batch=st.integers(1, 3),
)
def test_whole_convolutions(harness, width, checked, m, channels, size, pads, tail, batch):
    c, o = channels
    h, w = size
    h, w = max(h, m + 2), max(w, m + 2)
    conv = Conv2D(2 * o if tail == "pair" else o, (3, 3), pads=pads)
    nodes = [("a", conv, ["x"])]
    more = {
        "none": [],
        "prelu": [("p", PReLU(), ["a"])],
        "pair": [("m", MaxFeatureMap(), ["a"])],
        "residual": [
            ("b", conv, ["x"]),
            ("s", Elementwise("sum"), ["b", "a"]),
            ("r", Activation("relu"), ["s"]),
        ],
    }
    nodes += more[tail]
    shapes = {"x": (batch, c, h, w)}
    graph = harness.graph_of(nodes, shapes, [nodes[-1][0]])
    with pytest.MonkeyPatch.context() as patch:
        for module in ("assign", "needs", "template"):
            name = f"zqcnn_xp_llvm.planner.{module}.transform_of"
            patch.setattr(name, always(m))
        harness.check(graph, shapes, width, checked=checked, exact=False)


@pytest.mark.parametrize("c", [16, 256])
@pytest.mark.parametrize("m", [2, 4])
def test_digits_that_transforms_lose(harness, m, c):
    """At most four times the error of a plain float32 sum for m = 2, sixteen times for m = 4."""
    shapes = {"x": (1, c, 16, 16)}
    graph = harness.graph_of([("y", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"])], shapes, ["y"])
    xs = harness.draw(shapes)
    want = harness.expected(graph, xs)["y"]
    plain = np.abs(harness.run(harness.backend(exact=True), graph, xs)["y"] - want).max()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("assign", "needs", "template"):
            patch.setattr(f"zqcnn_xp_llvm.planner.{module}.transform_of", always(m))
        twin = harness.graph_of(
            [("y", Conv2D(16, (3, 3), pads=(1, 1, 1, 1)), ["x"])], shapes, ["y"]
        )
        made = harness.backend(exact=False)
        found = np.abs(harness.run(made, twin, xs)["y"] - want).max()
        template = made.compile(twin, shapes).template
        kernels = {type(i.kernel) for i in template.instructions(0, 1)}
    assert WinogradInput in kernels
    assert found <= {2: 4, 4: 16}[m] * max(plain, 1e-7)


def test_exact_refuses_transforms(harness):
    shapes = {"x": (1, 64, 28, 28)}
    nodes = [("y", Conv2D(64, (3, 3), pads=(1, 1, 1, 1)), ["x"])]
    seen = {}
    for exact in (True, False):
        graph = harness.graph_of(nodes, shapes, ["y"])
        template = harness.backend(exact=exact).compile(graph, shapes).template
        assert isinstance(template, planning.Template)
        seen[exact] = {type(i.kernel) for i in template.instructions(0, 1)}
    assert WinogradInput in seen[False]
    assert WinogradInput not in seen[True]
