"""Products into rows of channels, with shared rows and parted columns, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.codegen.expression import ACC
from zqcnn_xp_llvm.kernels.conv_rows import ConvRows
from zqcnn_xp_llvm.planner.pack import row_weights


@settings(max_examples=4, deadline=None)
@given(
    c=st.integers(1, 5),
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 5), (5, 1)]),
    steps=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    dilation=st.integers(1, 2),
    h=st.integers(1, 5),
    more=st.integers(0, 19),
    tile=st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3)),
    residual=st.booleans(),
)
def test_a_convolution(
    harness, width, checked, c, kernel, steps, dilation, h, more, tile, residual
):
    lanes = harness.lanes(width)
    (kh, kw), (sy, sx) = kernel, steps
    rows, vectors, outputs = min(tile[0], h), tile[1], tile[2]
    w, groups = vectors * lanes + more, 2
    ih, iw = (h - 1) * sy + kh, (w - 1) * sx + (kw - 1) * dilation + 1
    rng = np.random.default_rng(0)
    # Parted columns read up to a float more than they use.
    x = np.zeros((c, ih, iw + 1), np.float32)
    x[..., :iw] = rng.standard_normal((c, ih, iw))
    o = groups * outputs
    weight = rng.standard_normal((kh, kw, c, o)).astype(np.float32)
    bias, slope = rng.standard_normal((2, o)).astype(np.float32)
    other = rng.standard_normal((o, h, w)).astype(np.float32)
    formula = ("prelu", ACC, ("param", 0))
    formula = ("add", formula, ("in", 1)) if residual else formula
    out = np.zeros((o, h, w), np.float32)
    held = {
        "x": x,
        "weights": np.ascontiguousarray(row_weights(weight, 0, groups, outputs)),
        "bias": bias,
        "params": slope,
        "out": out,
    }
    if residual:
        held["res"] = other
    op = ConvRows(c, kernel, sy, sx, dilation, rows, vectors, outputs, formula)
    step = vectors * lanes
    integers = {"groups": groups, "rows": -(-h // rows), "row_last": h - rows}
    integers |= {"tiles": -(-w // step), "tile_last": w - step}
    integers |= {"x_row": sy * x.strides[1], "x_tap": x.strides[1], "x_channel": x.strides[0]}
    integers |= {"out_row": out.strides[1], "out_channel": out.strides[0]}
    integers |= {"res_row": out.strides[1], "res_channel": out.strides[0]}
    assert harness.call(op, held, integers, width=width, checked=checked) is None
    want = np.zeros((o, h, w))
    for i in range(kh):
        for j in range(kw):
            rows_, columns = i + sy * np.arange(h), j * dilation + sx * np.arange(w)
            seen = x[:, rows_][:, :, columns].astype(np.float64)
            want += np.einsum("chw,co->ohw", seen, weight[i, j])
    want += bias[:, None, None]
    want = np.where(want > 0, want, want * slope[:, None, None]) + (other if residual else 0)
    np.testing.assert_allclose(held["out"], want, rtol=1e-5, atol=2e-5)
