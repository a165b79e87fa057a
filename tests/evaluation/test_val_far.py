"""The threshold at a false accept rate, by each rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.val_far import VAL_RULES, val_threshold


@given(st.lists(st.integers(0, 6), min_size=2, max_size=20), st.integers(0, 8))
def test_the_conservative_one_is_the_largest_allowed(steps, target):
    far = np.cumsum(steps) / max(1, sum(steps))
    far -= far[0]
    grid = np.arange(float(len(far)))
    found = val_threshold(far, grid, target / 8)
    assert found == max(t for t, rate in zip(grid, far, strict=True) if rate <= target / 8)
    # the others never lie below the first, or above the next distance with another rate
    above = [t for t, rate in zip(grid, far, strict=True) if rate > target / 8]
    ceiling = above[0] if above else grid[-1]
    assert found <= val_threshold(far, grid, target / 8, "interpolated") <= ceiling


def test_thresholds_of_val():
    grid = np.arange(5.0)
    far = np.array([0, 0, 0.5, 0.5, 1])
    for target, expected in [
        (0, [1, 1, 0, 1]),
        (0.25, [1, 1.5, 1, 2]),
        (0.5, [3, 3, 2, 3]),
        (0.75, [3, 3.5, 3, 3.5]),
        (1, [4, 4, 4, 4]),
    ]:
        assert [val_threshold(far, grid, target, rule) for rule in VAL_RULES] == expected
    # where even the largest distance accepts fewer, old code said 0, which accepts nobody
    few = far / 10
    assert [val_threshold(few, grid, 0.5, rule) for rule in VAL_RULES] == [4, 4, 0, 0]
    assert val_threshold(far + 0.1, grid, 0.05) == 0
    with pytest.raises(InputError, match="rule='x'"):
        val_threshold(far, grid, 0.1, "x")
