"""Windows that fold one channel at a time, in blocks and in rows, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.windows import WindowBlocks, WindowRows

folds = st.sampled_from(["product", "max", "sum"])
kernels = st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 3), (7, 1)])


def folded(x, weight, bias, fold, steps, dilation, size):
    """(C, H, W) maps."""
    kh, kw = weight.shape[:2]
    cells = []
    for i in range(kh):
        for j in range(kw):
            rows = i + steps[0] * np.arange(size[0])
            columns = j * dilation + steps[1] * np.arange(size[1])
            seen = x[:, rows][:, :, columns].astype(np.float64)
            cells.append(seen * (weight[i, j][:, None, None] if fold == "product" else 1))
    if fold == "max":
        return np.max(cells, axis=0)
    return np.sum(cells, axis=0) + (bias[:, None, None] if fold == "product" else 0)


def draw(c, kernel, steps, dilation, size, more=0):
    rng = np.random.default_rng(0)
    ih = (size[0] - 1) * steps[0] + kernel[0]
    iw = (size[1] - 1) * steps[1] + (kernel[1] - 1) * dilation + 1
    x = np.zeros((c, ih, iw + more), np.float32)
    x[..., :iw] = rng.standard_normal((c, ih, iw))
    return (
        x,
        rng.standard_normal((*kernel, c)).astype(np.float32),
        rng.standard_normal(c).astype(np.float32),
    )


@settings(max_examples=4, deadline=None)
@given(
    fold=folds,
    kernel=kernels,
    steps=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    size=st.tuples(st.integers(1, 5), st.integers(1, 12)),
    tile=st.tuples(st.integers(1, 2), st.integers(1, 5)),
)
def test_blocks(harness, width, checked, fold, kernel, steps, dilation, size, tile):
    lanes = harness.lanes(width)
    c, (h, w) = 2 * lanes, size
    x, weight, bias = draw(c, kernel, steps, dilation, size)
    stored = x.reshape(2, lanes, *x.shape[1:]).transpose(0, 2, 3, 1).copy()
    out = np.zeros((2, h, w, lanes), np.float32)
    packed = weight.reshape(-1, 2, lanes).transpose(1, 0, 2)
    held = {"x": stored, "weights": np.ascontiguousarray(packed), "bias": bias, "out": out}
    rows, pixels = min(tile[0], h), min(tile[1], w)
    op = WindowBlocks(
        fold,
        kernel,
        steps[0],
        steps[1],
        dilation,
        4 * lanes,
        4 * lanes,
        0,
        rows,
        pixels,
    )
    integers = {"blocks": 2, "rows": -(-h // rows), "row_last": h - rows}
    integers |= {"tiles": -(-w // pixels), "tile_last": w - pixels}
    integers |= {"x_row": steps[0] * stored.strides[1], "x_tap": stored.strides[1]}
    integers |= {"x_block": stored.strides[0]}
    integers |= {"out_row": out.strides[1], "out_block": out.strides[0]}
    assert harness.call(op, held, integers, width=width, checked=checked) is None
    want = folded(x, weight, bias, fold, steps, dilation, size)
    found = held["out"].transpose(0, 3, 1, 2).reshape(c, h, w)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


@settings(max_examples=4, deadline=None)
@given(
    fold=folds,
    kernel=kernels,
    steps=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    dilation=st.integers(1, 2),
    h=st.integers(1, 5),
    more=st.integers(0, 19),
    tile=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_rows(harness, width, checked, fold, kernel, steps, dilation, h, more, tile):
    lanes = harness.lanes(width)
    rows, vectors = min(tile[0], h), tile[1]
    w, step = vectors * lanes + more, vectors * lanes
    x, weight, bias = draw(3, kernel, steps, dilation, (h, w), more=1)
    out = np.zeros((3, h, w), np.float32)
    packed = np.ascontiguousarray(weight.reshape(-1, 3).T)
    held = {"x": x, "weights": packed, "bias": bias, "out": out}
    op = WindowRows(fold, kernel, steps[0], steps[1], dilation, rows, vectors)
    integers = {"channels": 3, "rows": -(-h // rows), "row_last": h - rows}
    integers |= {"tiles": -(-w // step), "tile_last": w - step}
    integers |= {"x_row": steps[0] * x.strides[1], "x_tap": x.strides[1]}
    integers |= {"x_channel": x.strides[0]}
    integers |= {"out_row": out.strides[1], "out_channel": out.strides[0]}
    assert harness.call(op, held, integers, width=width, checked=checked) is None
    want = folded(x, weight, bias, fold, steps, dilation, (h, w))
    np.testing.assert_allclose(held["out"], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("place", range(4))
def test_nan_wins_a_maximum(harness, width, place):
    lanes = harness.lanes(width)
    x = np.ones((1, 2, 2, lanes), np.float32)
    x.reshape(4, lanes)[place, 1] = np.nan
    held = {"x": x, "out": np.zeros((1, 1, 1, lanes), np.float32)}
    op = WindowBlocks(
        "max", (2, 2), 1, 1, 1, 4 * harness.lanes(width), 4 * harness.lanes(width), 0, 1, 1
    )
    integers = {"blocks": 1, "rows": 1, "tiles": 1, "x_row": 0, "x_tap": 8 * harness.lanes(width)}
    assert harness.call(op, held, integers, width=width) is None
    np.testing.assert_array_equal(np.isnan(held["out"].reshape(-1)), np.arange(lanes) == 1)
