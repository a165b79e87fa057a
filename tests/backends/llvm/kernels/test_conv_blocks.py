"""Products into blocks of channels: tiles, tails, pairs, residuals, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.codegen.expression import ACC
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.planner.pack import block_vectors, conv_weights


def convolved(x, w, step):
    """(C, H, W) and (kH, kW, C, O), without padding."""
    kh, kw = w.shape[:2]
    views = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (kh, kw), axis=(1, 2))
    return np.einsum("chwij,ijco->ohw", views[:, ::step, ::step], w)


@settings(max_examples=3, deadline=None)
@given(
    c=st.integers(1, 19),
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 5)]),
    step=st.integers(1, 2),
    size=st.tuples(st.integers(1, 5), st.integers(1, 9)),
    tile=st.tuples(st.integers(1, 2), st.integers(1, 4), st.sampled_from([1, 2])),
    planes=st.booleans(),
    residual=st.booleans(),
    pair=st.booleans(),
)
def test_a_convolution(
    harness, width, checked, c, kernel, step, size, tile, planes, residual, pair
):
    lanes = harness.lanes(width)
    (kh, kw), (h, w) = kernel, size
    rows, pixels, vectors = min(tile[0], h), min(tile[1], w), tile[2]
    vectors = 2 if pair else vectors
    groups, made = 2, vectors // 2 if pair else vectors
    results = groups * made * lanes
    sums = 2 * results if pair else results
    rng = np.random.default_rng(0)
    ih, iw = (h - 1) * step + kh, (w - 1) * step + kw
    x = rng.standard_normal((c, ih, iw)).astype(np.float32)
    weight = rng.standard_normal((kh, kw, c, sums)).astype(np.float32)
    bias = rng.standard_normal(sums).astype(np.float32)
    slope = rng.standard_normal(results).astype(np.float32)
    other = rng.standard_normal((results // lanes, h, w, lanes)).astype(np.float32)
    block = 1 if planes else lanes
    inside = -(-c // block)
    stored = np.zeros((inside * block, ih, iw), np.float32)
    stored[:c] = x
    stored = stored.reshape(inside, block, ih, iw).transpose(0, 2, 3, 1).copy()
    formula = ("prelu", ACC, ("param", 0))
    formula = ("add", formula, ("in", 1)) if residual else formula
    cut = (0, groups, vectors, lanes)
    held = {
        "x": stored,
        "weights": np.ascontiguousarray(conv_weights(weight, block, *cut, pair=pair)),
        "bias": np.ascontiguousarray(block_vectors(bias, *cut, pair=pair)),
        "params": np.ascontiguousarray(slope),
        "out": np.zeros((results // lanes, h, w, lanes), np.float32),
    }
    if residual:
        held["res"] = other
    op = ConvBlocks(
        channels=c,
        block=block,
        kernel=kernel,
        step_x=step,
        dilation_x=1,
        in_px=4 * block,
        out_px=4 * lanes,
        res_px=4 * lanes,
        rows=rows,
        pixels=pixels,
        vectors=vectors,
        formula=formula,
        pair=pair,
    )
    out = held["out"]
    integers = {"groups": groups, "rows": -(-h // rows), "row_last": h - rows}
    integers |= {"tiles": -(-w // pixels), "tile_last": w - pixels}
    integers |= {"x_row": step * stored.strides[1], "x_tap": stored.strides[1]}
    integers |= {"x_block": stored.strides[0]}
    integers |= {"out_row": out.strides[1], "out_block": out.strides[0]}
    integers |= {"res_row": out.strides[1], "res_block": out.strides[0]}
    assert harness.call(op, held, integers, width=width, checked=checked) is None
    want = convolved(x, weight, step) + bias[:, None, None]
    if pair:
        want = np.maximum(*np.split(want, 2))
    want = np.where(want > 0, want, want * slope[:, None, None])
    want = want.reshape(-1, lanes, h, w).transpose(0, 2, 3, 1) + (other if residual else 0)
    np.testing.assert_allclose(held["out"], want, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("tail", [1, 3])
def test_a_tail_leaves_the_rest_alone(harness, width, checked, tail):
    """A matrix whose last block has few channels, into logical order: nothing behind is written."""
    lanes = harness.lanes(width)
    c, n = 9, 3
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, c)).astype(np.float32)
    weight = rng.standard_normal((c, tail)).astype(np.float32)
    cut = (0, 1, 1, lanes)
    held = {
        "x": x,
        "weights": conv_weights(weight[None, None], lanes, *cut, pair=False),
        "bias": np.zeros(lanes, np.float32),
        "out": np.zeros((n, tail), np.float32),
    }
    op = ConvBlocks(
        channels=c,
        block=lanes,
        kernel=(1, 1),
        step_x=1,
        dilation_x=1,
        in_px=4 * c,
        out_px=4 * tail,
        res_px=0,
        rows=1,
        pixels=2,
        vectors=1,
        tail=tail,
    )
    integers = {
        "groups": 1,
        "rows": 1,
        "tiles": 2,
        "tile_last": 1,
        "x_block": 4 * harness.lanes(width),
    }
    assert harness.call(op, held, integers, width=width, checked=checked) is None
    np.testing.assert_allclose(held["out"], x.astype(np.float64) @ weight, rtol=1e-5, atol=1e-5)
