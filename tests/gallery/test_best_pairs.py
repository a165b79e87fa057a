"""The best pairs are kept, whatever the order in which they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.best_pairs import BestPairs

SCORES = st.integers(-8, 8).map(lambda value: value / 8)
PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), SCORES), max_size=60)


@settings(deadline=None)
@given(PAIRS, st.integers(1, 10), st.integers(1, 9), st.booleans(), st.booleans())
def test_the_best_stay(pairs, limit, step, once, lowest):
    best, floor = BestPairs(limit, once=once, lowest=lowest), None
    sign = 1 if lowest else -1
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        if floor is not None:  # what a scan would skip by then
            part = [pair for pair in part if sign * pair[2] <= sign * floor]
        first, second, score = (np.array(c) for c in zip(*part, strict=True)) if part else ([],) * 3
        raised = best.add(np.array(first, np.int64), np.array(second, np.int64), np.float32(score))
        floor = floor if raised is None else raised
    expected = sorted(pairs, key=lambda pair: (sign * pair[2], pair[0], pair[1]))
    if once:
        seen = {}
        for first, second, score in expected:
            seen.setdefault((first, second), score)
        expected = [(*pair, score) for pair, score in seen.items()]
    found = best.pairs()
    assert list(zip(*(c.tolist() for c in found), strict=True)) == expected[:limit]
    if not best.dropped:
        assert len(expected) <= limit


def test_limits():
    for limit in (0, -1, 1.5, True):
        with pytest.raises(InputError, match="limit="):
            BestPairs(limit)


def test_a_floor_is_named_only_once_pairs_were_dropped():
    """Otherwise what a scan then skips would not be known to be more."""
    best = BestPairs(1, once=True)
    again = np.zeros(3, np.int64)
    assert best.add(again, again + 1, np.full(3, 0.5, np.float32)) is None
    assert not best.dropped
    assert best.add(again[:2] + 2, again[:2] + 3, np.float32([0.25, 0.25])) == 0.5
    assert best.dropped
