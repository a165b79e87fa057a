"""The best of each query, however the scores come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.gallery.ranking import All, Best, leaders


@given(st.integers(1, 4), st.integers(0, 6), st.lists(st.integers(0, 4), max_size=30), st.data())
def test_best_is_what_sorting_finds(queries: int, k: int, whole: list[int], data) -> None:
    scores = np.array(whole, np.float32)
    query = np.array(
        data.draw(st.lists(st.integers(0, queries - 1), min_size=len(whole), max_size=len(whole))),
        np.int64,
    )
    row = np.arange(len(whole))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    best = Best(queries, k, floor=1.0)
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        best.add(query[start:stop], row[start:stop], scores[start:stop])
    rows, values = best.table()
    for q in range(queries):
        mine = [(-s, r) for s, r, p in zip(whole, row, query, strict=True) if p == q and s >= 1]
        wanted = sorted(mine)[:k]
        assert rows[q].tolist() == [r for _, r in wanted] + [-1] * (k - len(wanted))
        assert values[q].tolist() == [-s for s, _ in wanted] + [-np.inf] * (k - len(wanted))


def test_floors_rise_above_the_last() -> None:
    best = Best(2, 1, floor=0.5)
    assert best.floors().tolist() == [0.5, 0.5]
    best.add(np.array([1]), np.array([0]), np.array([0.75], np.float32))
    assert best.floors().tolist() == [0.5, float(np.nextafter(np.float32(0.75), np.float32(1)))]
    assert (Best(2, 0).floors() == np.inf).all()


def test_all_keeps_what_reaches_the_floor() -> None:
    every = All(3, 0.5)
    every.add(np.array([0, 0, 2]), np.array([1, 2, 2]), np.array([0.5, 0.9, 0.4], np.float32))
    every.add(np.array([0]), np.array([7]), np.array([0.9], np.float32))
    rows, scores = every.table()
    assert rows.tolist() == [[2, 7, 1], [-1] * 3, [-1] * 3]
    assert scores[0].tolist() == [np.float32(0.9), np.float32(0.9), 0.5]
    assert All(3, 0.5).table()[0].shape == (3, 0)


def test_leaders_take_no_number_for_the_worst() -> None:
    some, kth = leaders(np.array([0, 0, 0]), np.array([np.nan, 1.0, 2.0]), 2)
    assert (some.tolist(), kth.tolist()) == ([0], [1.0])
