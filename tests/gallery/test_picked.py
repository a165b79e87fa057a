"""Picked rows are the rows, in any order, from floats and integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.picked import PickedRows, gathered, refuse_infinite
from zqcnn_xp.gallery.rows import ArrayRows, decoded, quantize

FEATURES = np.random.default_rng(0).normal(size=(10_000, 3)).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9_999), max_size=60))
def test_rows_come_in_the_order_asked_for(index):
    index = np.array(index, np.int64)
    np.testing.assert_array_equal(gathered(FEATURES, index), FEATURES[index])
    integers = quantize(FEATURES)
    expected = decoded(integers, 0, len(FEATURES))[index]
    np.testing.assert_array_equal(gathered(integers, index), expected)
    picked = PickedRows(integers, index)
    np.testing.assert_array_equal(decoded(picked, 0, len(index)), expected)
    np.testing.assert_array_equal(picked.errors, integers.errors[index])
    assert picked.shape == (len(index), 3)


def test_picked_rows_of_picked_rows():
    outer = PickedRows(PickedRows(FEATURES, np.array([5, 9000, 7])), np.array([2, 0]))
    np.testing.assert_array_equal(decoded(outer, 0, 2), FEATURES[[7, 5]])
    assert outer.scales is None
    assert outer.errors is None


def test_only_the_spans_asked_for_are_read():
    class Watched(ArrayRows):
        read = 0

        def __getitem__(self, rows):
            found = super().__getitem__(rows)
            self.read += len(found)
            return found

    rows = Watched(FEATURES)
    gathered(rows, np.array([9_999, 0, 1]))
    assert rows.read == 3


@pytest.mark.parametrize("index", [[-1], [10_000], [[1]], [0.5]])
def test_no_such_rows(index):
    with pytest.raises(InputError, match="found an index of"):
        PickedRows(FEATURES, np.array(index))


def test_scales_are_gathered_once():
    """A scan asks for them with every block, of which large sets have thousands."""
    picked = PickedRows(quantize(np.eye(4, dtype=np.float32)), np.array([3, 1]))
    assert picked.scales is picked.scales
    assert picked.errors is picked.errors
    assert picked.scales.shape == (2,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_named_by_its_own_row(bad):
    features = np.ones((4, 3), np.float32)
    features[2, 1] = bad
    with pytest.raises(InputError, match=r"no finite number in row 70$"):
        refuse_infinite(features, np.array([9, 80, 70, 60]))
    refuse_infinite(np.full((4, 3), 3e38, np.float32), np.arange(4))  # finite, but no sum
    refuse_infinite(np.ones((0, 3), np.float32), np.arange(0))
