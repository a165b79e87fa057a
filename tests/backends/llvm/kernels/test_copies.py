"""Copies between strides, transposed squares, fills: each against NumPy, within exact bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.copies import CopyCells, CopyRuns, FillRuns, Turn


def outer(loops):
    """Integers of four outer loops of (count, bytes in the source, bytes in the target)."""
    loops = [(1, 0, 0)] * (4 - len(loops)) + list(loops)
    return {
        f"{name}{k}": value
        for k, loop in enumerate(loops)
        for name, value in zip(("count", "x", "out"), loop, strict=True)
    }


@settings(max_examples=4, deadline=None)
@given(rows=st.integers(1, 4), count=st.integers(1, 70), gap=st.integers(0, 3))
def test_runs(harness, width, checked, rows, count, gap):
    lanes = harness.lanes(width)
    tile = min(count // lanes, 4)
    step = tile * lanes or 1
    x = np.arange(1, rows * (count + gap) + 1, dtype=np.float32)[: rows * (count + gap) - gap]
    held = {"x": x, "out": np.zeros(rows * count, np.float32)}
    integers = outer([(rows, 4 * (count + gap), 4 * count)])
    integers |= {"tiles": -(-count // step), "tile_last": count - step}
    assert harness.call(CopyRuns(tile), held, integers, width=width, checked=checked) is None
    want = np.concatenate([x[r * (count + gap) :][:count] for r in range(rows)])
    np.testing.assert_array_equal(held["out"], want)


@settings(max_examples=5, deadline=None)
@given(sizes=st.tuples(*[st.integers(1, 4)] * 5), perm=st.permutations(range(5)))
def test_single_cells_in_any_order(harness, checked, sizes, perm):
    x = np.arange(1, np.prod(sizes) + 1, dtype=np.float32).reshape(sizes)
    y = x.transpose(perm)
    want = np.ascontiguousarray(y)
    held = {"x": x, "out": np.zeros_like(want)}
    loops = list(zip(y.shape, y.strides, want.strides, strict=True))
    integers = outer(loops[:4])
    integers |= dict(zip(("count", "x_step", "out_step"), loops[4], strict=True))
    assert harness.call(CopyCells(), held, integers, checked=checked) is None
    np.testing.assert_array_equal(held["out"], want)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("more", [0, 1, 5])
def test_squares_are_transposed(harness, width, checked, blocks, more):
    """Two blocks of channels, a row that is no multiple of a vector: the last square overlaps."""
    lanes = harness.lanes(width)
    w = lanes + more
    planes = np.arange(1, 2 * lanes * w + 1, dtype=np.float32).reshape(2, lanes, w)
    inside = np.ascontiguousarray(planes.transpose(0, 2, 1))
    x, want = (inside, planes) if blocks else (planes, inside)
    held = {"x": x.copy(), "out": np.zeros_like(want)}
    integers = outer([(2, 4 * lanes * w, 4 * lanes * w)])
    integers |= {"tiles": -(-w // lanes), "tile_last": more}
    steps = (4 * harness.lanes(width), 4 * w) if blocks else (4 * w, 4 * harness.lanes(width))
    integers |= dict(zip(("x_step", "out_step"), steps, strict=True))
    assert harness.call(Turn(blocks), held, integers, width=width, checked=checked) is None
    np.testing.assert_array_equal(held["out"], want)


@pytest.mark.parametrize("value", [0.0, -1.5, float("-inf")])
def test_fills(harness, checked, value):
    held = {"out": np.ones((3, 7), np.float32)}
    integers = outer([(2, 0, 4 * 14)]) | {"count": 5}
    assert harness.call(FillRuns(value), held, integers, checked=checked) is None
    want = np.ones((3, 7), np.float32)
    want[::2, :5] = value
    np.testing.assert_array_equal(held["out"], want)
