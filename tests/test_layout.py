"""Layout: logical NCHW, stored channels-last, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.layout import logical_shape, storage_axis, storage_shape, to_logical, to_storage

shapes = st.lists(st.integers(0, 4), max_size=6).map(tuple)


@given(shapes)
def test_to_storage_makes_the_storage_shape_and_returns(shape):
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    stored = to_storage(np, x)
    assert stored.shape == storage_shape(shape)
    assert logical_shape(stored) == shape
    back = to_logical(np, stored)
    np.testing.assert_array_equal(back, x)
    assert x.size == 0 or np.shares_memory(back, x)


def test_channels_are_last_in_memory_order():
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert to_storage(np, x)[1, 2, 3, 0] == x[1, 0, 2, 3]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6, unique=True).map(tuple), st.data())
def test_a_storage_axis_has_the_logical_axis_size(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    assert storage_shape(shape)[storage_axis(axis, len(shape))] == shape[axis]


@pytest.mark.parametrize("ndim", range(1, 7))
def test_storage_axes_are_a_permutation(ndim):
    assert sorted(storage_axis(axis, ndim) for axis in range(ndim)) == list(range(ndim))


def test_shapes_are_plain_ints():
    class Sized:
        shape = (np.int64(2), np.int32(3))

    assert all(type(size) is int for size in logical_shape(Sized()))
