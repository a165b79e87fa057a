from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.far_points import checked_rates, rank_of


@given(st.floats(1e-9, 0.999), st.integers(1, 5_000_000_000))
def test_ranks(far: float, impostors: int) -> None:
    rank = rank_of(far, impostors)
    assert abs(rank - far * impostors) <= 0.5 + 1e-6
    original = rank_of(far, impostors, "zqcnn")
    # The original stops at the first count that is above the rate.
    assert original == impostors or original > far * impostors >= original - 1


def test_published_counts() -> None:
    impostors = 4_999_000_000
    assert [rank_of(far, impostors) for far in (1e-8, 1e-7, 1e-6, 1e-5)] == [50, 500, 4999, 49990]


def test_rates_are_checked() -> None:
    assert checked_rates([1e-8, 0.5]) == [1e-8, 0.5]
    with pytest.raises(InputError, match="found no FAR"):
        checked_rates([])
    with pytest.raises(InputError, match="found FAR 1,"):
        checked_rates([1])
