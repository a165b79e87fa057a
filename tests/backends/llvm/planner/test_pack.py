"""Packed weights: every weight once, at the place where a kernel reads it, zeros elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.planner.pack import block_vectors, conv_weights, dense_matrix, row_weights

lanes = st.sampled_from([4, 8, 16])


def numbered(*shape):
    """Every weight another number, none of them 0."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


@settings(max_examples=60, deadline=None)
@given(o=st.integers(1, 70), lanes=lanes, vectors=st.integers(1, 4), data=st.data())
def test_channels_in_vectors(o, lanes, vectors, data):
    blocks = -(-o // lanes)
    first = data.draw(st.integers(0, blocks - 1))
    groups = data.draw(st.integers(0, (blocks - first) // vectors))
    x = numbered(3, o)
    found = block_vectors(x, first, groups, vectors, lanes)
    assert found.shape == (groups, 3, vectors, lanes)
    for g in range(groups):
        for v in range(vectors):
            for lane in range(lanes):
                channel = (first + g * vectors + v) * lanes + lane
                want = x[:, channel] if channel < o else 0
                np.testing.assert_array_equal(found[g, :, v, lane], want)


@settings(max_examples=40, deadline=None)
@given(half=st.integers(1, 40), lanes=lanes, each=st.integers(1, 2))
def test_halves_of_channels_side_by_side(half, lanes, each):
    x = numbered(2 * half)
    groups = -(-half // lanes) // each
    found = block_vectors(x, 0, groups, 2 * each, lanes, pair=True)
    assert found.shape == (groups, 2 * each, lanes)
    for g in range(groups):
        for v in range(each):
            for lane in range(lanes):
                channel = (g * each + v) * lanes + lane
                want = (x[channel], x[half + channel]) if channel < half else (0, 0)
                assert (found[g, v, lane], found[g, each + v, lane]) == want


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    c=st.integers(1, 35),
    o=st.integers(1, 40),
    lanes=lanes,
    planes=st.booleans(),
)
def test_a_kernel_as_its_loops_read_it(kernel, c, o, lanes, planes):
    kh, kw = kernel
    w = numbered(kh, kw, c, o)
    block = 1 if planes else lanes
    groups = -(-o // lanes)
    found = conv_weights(w, block, 0, groups, 1, lanes, pair=False)
    for g in range(groups):
        line = iter(found[g].reshape(-1, lanes))
        for start in range(0, c, block):
            for i in range(kh):
                for j in range(kw):
                    for k in range(start, min(start + block, c)):
                        want = np.zeros(lanes)
                        cut = w[i, j, k, g * lanes : (g + 1) * lanes]
                        want[: cut.size] = cut
                        np.testing.assert_array_equal(next(line), want)
        assert next(line, None) is None


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    c=st.integers(1, 9),
    groups=st.integers(1, 3),
    outputs=st.integers(1, 6),
    first=st.integers(0, 5),
)
def test_a_kernel_for_rows(kernel, c, groups, outputs, first):
    kh, kw = kernel
    w = numbered(kh, kw, c, first + groups * outputs)
    found = row_weights(w, first, groups, outputs).reshape(groups, c, kh, kw, outputs)
    for g in range(groups):
        for k in range(outputs):
            want = w[..., first + g * outputs + k].transpose(2, 0, 1)
            np.testing.assert_array_equal(found[g, ..., k], want)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("blocks", [False, True])
def test_a_matrix_whose_rows_follow_the_memory_of_a_map(lanes, blocks):
    h, w, c, o = 3, 2, 16, 5
    weight = numbered(h, w, c, o)
    found = dense_matrix(weight, lanes, blocks=blocks)
    assert found.shape == (h * w * c, o)
    rows = iter(found)
    if blocks:
        # (row, block, pixel, channel of the block), as `Layout` has it.
        order = [
            (y, x, b * lanes + k)
            for y in range(h)
            for b in range(c // lanes)
            for x in range(w)
            for k in range(lanes)
        ]
    else:
        order = [(y, x, k) for k in range(c) for y in range(h) for x in range(w)]
    for place in order:
        np.testing.assert_array_equal(next(rows), weight[place])
    flat = numbered(7, 3)
    assert dense_matrix(flat, lanes, blocks=False) is flat
