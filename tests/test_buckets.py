"""Buckets: close above, few, and stable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.buckets import bucket_count, round_up
from zqcnn_xp.errors import InputError

sizes = st.integers(0, 10**12)
per_octave = st.integers(1, 40)


@given(sizes, per_octave)
def test_a_bucket_is_close_above(n, per):
    bucket = round_up(n, per)
    assert n <= bucket
    assert (bucket - n) * per < max(n, 1)


@given(sizes, per_octave)
def test_small_sizes_are_their_own_bucket(n, per):
    assert round_up(n % (2 * per + 1), per) == n % (2 * per + 1)


@given(sizes, per_octave)
def test_buckets_stay_where_they_are(n, per):
    bucket = round_up(n, per)
    assert round_up(bucket, per) == bucket
    assert round_up(bucket + 1, per) > bucket


@given(sizes, sizes, per_octave)
def test_order_is_kept(a, b, per):
    low, high = sorted((a, b))
    assert round_up(low, per) <= round_up(high, per)


@given(st.integers(0, 3000), st.integers(0, 3000), per_octave)
def test_the_count_is_the_number_of_distinct_buckets(lo, length, per):
    hi = lo + length
    assert bucket_count(lo, hi, per) == len({round_up(n, per) for n in range(lo, hi + 1)})


@given(st.integers(1, 10**9), st.integers(1, 30), per_octave)
def test_the_count_grows_with_the_logarithm(lo, octaves, per):
    assert bucket_count(lo, lo << octaves, per) <= per * octaves + 1


@pytest.mark.parametrize(("n", "per"), [(-1, 4), (4, 0), (4, -2)])
def test_wrong_values_are_refused(n, per):
    with pytest.raises(InputError, match=r"found -?\d+ buckets|found a size of -1"):
        round_up(n, per)


def test_an_empty_range_is_refused():
    with pytest.raises(InputError, match="from 5 to 4"):
        bucket_count(5, 4)
