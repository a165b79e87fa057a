"""Division by the length of each pixel's channels, against float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.normalize import Normalize


@settings(max_examples=3, deadline=None)
@given(c=st.integers(1, 20), h=st.integers(1, 3), w=st.integers(1, 40))
def test_pixels_become_as_long_as_their_scale(harness, width, checked, c, h, w):
    lanes = harness.lanes(width)
    single = w < lanes
    step = 1 if single else lanes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((c, h, w)).astype(np.float32)
    scale = rng.standard_normal(c).astype(np.float32)
    held = {"x": x, "scale": scale, "out": np.zeros_like(x)}
    integers = {"rows": h, "x_row": x.strides[1], "out_row": x.strides[1], "channels": c}
    integers |= {"x_channel": x.strides[0], "out_channel": x.strides[0]}
    integers |= {"tiles": -(-w // step), "tile_last": w - step}
    kernel = Normalize(1e-6, single)
    assert harness.call(kernel, held, integers, width=width, checked=checked) is None
    squares = (x.astype(np.float64) ** 2).sum(0)
    want = x / np.sqrt(squares + 1e-6) * scale[:, None, None]
    np.testing.assert_allclose(held["out"], want, rtol=2e-6, atol=1e-7)
