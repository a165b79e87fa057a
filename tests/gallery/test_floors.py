"""Floors: what float32 makes of them, and how they rise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.floors import Floor


def test_floor_is_rounded_up() -> None:
    # The float32 next to 0.1 is a little more, the one next to 0.3 too; 0.7's is less.
    for value in (0.1, 0.3, 0.7):
        assert float(Floor(value).value) >= value
    assert float(Floor(0.5).value) == 0.5
    assert Floor(1e300).value == np.inf


@given(st.floats(-1, 1), st.floats(-1, 1, width=32))
def test_a_score_reaches_both_or_neither(value: float, score: float) -> None:
    assert (np.float32(score) >= Floor(value).value) == (score >= value)


def test_floors_only_rise() -> None:
    floor = Floor([0.25, 0.5])
    floor.raise_to(0.375)
    floor.raise_to(-1)
    assert floor.value.tolist() == [0.375, 0.5]
    assert Floor(0.5).of(3).tolist() == [0.5] * 3


def test_what_is_no_floor() -> None:
    with pytest.raises(InputError, match="no NaN"):
        Floor(float("nan"))
    with pytest.raises(InputError, match="no NaN"):
        Floor([[0.5]])
    with pytest.raises(InputError, match="floors for 2 queries"):
        Floor([0.5, 0.6]).of(3)
