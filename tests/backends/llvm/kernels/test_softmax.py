"""Softmax along an axis whose cells lie apart, against float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.softmax import Softmax


def run(harness, x, width, checked):
    """Softmax over the middle axis."""
    outer, cells, inner = x.shape
    lanes = harness.lanes(width)
    across = lanes if inner >= lanes else 1
    held = {"x": x, "out": np.zeros_like(x)}
    integers = {"outer": outer, "x_outer": x.strides[0], "out_outer": x.strides[0], "rows": 1}
    integers |= {"tiles": -(-inner // across), "tile_last": inner - across, "cells": cells}
    integers |= {"x_step": x.strides[1], "out_step": x.strides[1]}
    assert harness.call(Softmax(across == 1), held, integers, width=width, checked=checked) is None
    return held["out"]


@settings(max_examples=4, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 40)),
    scale=st.sampled_from([0.0, 1.0, 50.0, 1e30]),
)
def test_shares_add_up(harness, width, checked, shape, scale):
    x = (np.random.default_rng(0).standard_normal(shape) * scale).astype(np.float32)
    found = run(harness, x, width, checked)
    # The difference is rounded to float32, which large numbers feel.
    grown = np.exp((x - x.max(1, keepdims=True)).astype(np.float64))
    np.testing.assert_allclose(found, grown / grown.sum(1, keepdims=True), rtol=2e-6, atol=1e-37)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-6)


def test_infinities_and_nan(harness, width, checked):
    x = np.zeros((1, 3, 4), np.float32)
    x[0, 0] = [-np.inf, np.nan, 0, -np.inf]
    x[0, 1] = [0, 0, 0, -np.inf]
    x[0, 2] = [0, 0, 3e38, 0]
    found = run(harness, x, width, checked)[0]
    np.testing.assert_array_equal(found[:, 0], np.float32([0, 0.5, 0.5]))
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(found[:, 2], np.float32([0, 0, 1]))
    np.testing.assert_array_equal(found[:, 3], np.float32([0, 0, 1]))
