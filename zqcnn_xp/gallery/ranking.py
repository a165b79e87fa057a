"""The best scores of each query so far, and the floor that a new one has to reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["All", "Best", "leaders"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Best:
    """The k best scores of each of q queries; of equal scores the row with the lower number.

    Parameters
    ----------
    queries, k
        How many; both may be 0.
    floor
        What a score has to reach in any case.

    Examples
    --------
    >>> best = Best(1, 2)
    >>> best.add(np.zeros(3, int), np.array([4, 5, 6]), np.array([0.1, 0.3, 0.3], np.float32))
    >>> best.table()[0]
    array([[5, 6]])
    >>> best.floors() > np.float32(0.3)  # a later row with the same score comes too late
    array([ True])
    """

    def __init__(self, queries: int, k: int, floor: float = -np.inf) -> None:
        self.k = k
        self.least = np.float32(floor)
        self.scores = np.full((queries, k), -np.inf, np.float32)
        self.rows = np.full((queries, k), -1, np.int64)

    def floors(self) -> Floats:
        """Return (q,) what the score of a row that comes later has to reach."""
        if self.k == 0:
            return np.full(len(self.scores), np.inf, np.float32)
        worst = self.scores[:, -1]
        above = np.nextafter(worst, np.float32(np.inf))
        full = self.rows[:, -1] >= 0
        floors: Floats = np.where(full, np.maximum(above, self.least), self.least)
        return floors

    def add(self, query: Ints, row: Ints, score: Floats) -> None:
        """Add scores, (h,) each; their rows lie behind all rows of earlier calls."""
        keep = score >= self.floors()[query]
        query, row, score = query[keep], row[keep], score[keep]
        if not len(query):
            return
        some, place = np.unique(query, return_inverse=True)
        old = self.rows[some] >= 0
        places = np.concatenate([np.nonzero(old)[0], place])
        rows = np.concatenate([self.rows[some][old], row])
        scores = np.concatenate([self.scores[some][old], score])
        order = np.lexsort((rows, -scores, places))
        places, rows, scores = places[order], rows[order], scores[order]
        rank = np.arange(len(places)) - np.searchsorted(places, places)
        kept = rank < self.k
        self.rows[some[places[kept]], rank[kept]] = rows[kept]
        self.scores[some[places[kept]], rank[kept]] = scores[kept]

    def table(self) -> tuple[Ints, Floats]:
        """Return rows and scores, (q, k) each: -1 and -inf where there are fewer."""
        return self.rows, self.scores


class All:
    """Every score of q queries that reaches a floor.

    Parameters
    ----------
    queries
        How many.
    floor
        The least score.
    """

    def __init__(self, queries: int, floor: float) -> None:
        self.queries = queries
        self.least = np.float32(floor)
        self._parts: list[tuple[Ints, Ints, Floats]] = []

    def floors(self) -> Floats:
        """Return (q,) floors, all the same."""
        return np.full(self.queries, self.least, np.float32)

    def add(self, query: Ints, row: Ints, score: Floats) -> None:
        """Add scores, (h,) each."""
        keep = score >= self.least
        self._parts.append((query[keep], row[keep], score[keep]))

    def table(self) -> tuple[Ints, Floats]:
        """Return rows and scores, (q, the most of a query) each, filled up with -1 and -inf."""
        query = np.concatenate([part[0] for part in self._parts] or [np.empty(0, np.int64)])
        counts = np.bincount(query, minlength=self.queries) if len(query) else np.zeros(1, int)
        best = Best(self.queries, int(counts.max()))
        if len(query):
            row = np.concatenate([part[1] for part in self._parts])
            best.add(query, row, np.concatenate([part[2] for part in self._parts]))
        return best.table()


def leaders(query: Ints, score: NDArray[Any], k: int) -> tuple[Ints, NDArray[Any]]:
    """Return the queries with k scores or more, and the k-th best score of each; NaN comes last.

    Examples
    --------
    >>> leaders(np.array([0, 1, 0, 0]), np.array([1, 2, 5, 3], np.float32), 2)
    (array([0]), array([3.], dtype=float32))
    """
    order = np.lexsort((-score, query))
    query, score = query[order], score[order]
    first = np.searchsorted(query, query)
    kth = np.arange(len(query)) - first == k - 1
    return query[kth], score[kth]
