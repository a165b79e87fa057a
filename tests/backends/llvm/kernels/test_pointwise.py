"""Formulas over maps in blocks and in rows, with maps of one pixel, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.pointwise import Pointwise

# a * p0 + b, then the larger of that and c.
FORMULA = ("max", ("fma", ("in", 0), ("param", 0), ("in", 1)), ("in", 2))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@settings(max_examples=4, deadline=None)
@given(c=st.integers(1, 5), h=st.integers(1, 4), w=st.integers(1, 70), spread=st.booleans())
def test_rows(harness, width, checked, c, h, w, spread):
    lanes = harness.lanes(width)
    single = w < lanes
    tile = 1 if single else min(w // lanes, 2)
    step = 1 if single else tile * lanes
    a, b, p = draw(c, h, w), draw(c, h, w, seed=1), draw(c, seed=2)
    d = draw(c, 1, 1, seed=3) if spread else draw(c, h, w, seed=3)
    held = {"x0": a, "x1": b, "x2": d, "params": p, "out": np.zeros((c, h, w), np.float32)}
    kernel = Pointwise(FORMULA, False, tile, (2,) if spread else (), single)
    integers = {"channels": c, "rows": h, "tiles": -(-w // step), "tile_last": w - step}
    for name, array in (("x0", a), ("x1", b), ("x2", d), ("out", a)):
        integers |= {f"{name}_row": array.strides[1], f"{name}_channel": array.strides[0]}
    assert harness.call(kernel, held, integers, width=width, checked=checked) is None
    want = np.maximum(a.astype(np.float64) * p[:, None, None] + b, d)
    np.testing.assert_allclose(held["out"], want, rtol=1e-6, atol=1e-6)


@settings(max_examples=3, deadline=None)
@given(blocks=st.integers(1, 3), h=st.integers(1, 3), w=st.integers(1, 11), spread=st.booleans())
def test_blocks(harness, width, checked, blocks, h, w, spread):
    lanes = harness.lanes(width)
    tile = min(w, 3)
    shape = (blocks, h, w, lanes)
    a, b, p = draw(*shape), draw(*shape, seed=1), draw(blocks, lanes, seed=2)
    d = draw(blocks, 1, 1, lanes, seed=3) if spread else draw(*shape, seed=3)
    held = {"x0": a, "x1": b, "x2": d, "params": p, "out": np.zeros(shape, np.float32)}
    kernel = Pointwise(FORMULA, True, tile, (2,) if spread else ())
    integers = {"channels": blocks, "rows": h, "tiles": -(-w // tile), "tile_last": w - tile}
    for name, array in (("x0", a), ("x1", b), ("x2", d), ("out", a)):
        integers |= {f"{name}_row": array.strides[1], f"{name}_channel": array.strides[0]}
    assert harness.call(kernel, held, integers, width=width, checked=checked) is None
    want = np.maximum(a.astype(np.float64) * p[:, None, None] + b, d)
    np.testing.assert_allclose(held["out"], want, rtol=1e-6, atol=1e-6)
