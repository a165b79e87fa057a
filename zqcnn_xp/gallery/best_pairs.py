"""The best of many pairs, in memory for that many only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["BestPairs", "Pairs"]


class Pairs(NamedTuple):
    """Pairs of rows (or of persons), best first.

    Attributes
    ----------
    first, second
        (n,) int64.
    score
        (n,) float32 similarity.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float32]


class BestPairs:
    """Collect pairs and keep the ``limit`` best: 60 bytes a pair.

    Parameters
    ----------
    limit
        How many to keep, at least 1.
    once
        Count a pair that comes again once, with its best score.
    lowest
        The smaller scores are the better ones.

    Examples
    --------
    >>> best = BestPairs(2)
    >>> best.add(np.array([0, 1, 2]), np.array([5, 6, 7]), np.float32([0.5, 0.25, 0.75]))
    >>> best.pairs().first.tolist(), best.dropped
    ([2, 0], True)
    """

    def __init__(self, limit: int, *, once: bool = False, lowest: bool = False) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InputError(f"limit={limit!r}: expected an integer of at least 1")
        self.limit = limit
        self.dropped = False
        self._once = once
        self._sign = np.float32(1 if lowest else -1)
        self._parts: list[Pairs] = []
        self._held = 0

    def add(
        self, first: NDArray[np.int64], second: NDArray[np.int64], score: NDArray[np.float32]
    ) -> np.float32 | None:
        """Take pairs in; return the score below which none is kept any more, once there is one."""
        if not len(score):
            return None
        self._parts.append(Pairs(first, second, score))
        self._held += len(score)
        if self._held <= 2 * self.limit:
            return None
        kept = self.pairs()
        self._parts, self._held = [kept], len(kept.score)
        # Not before one was dropped: what a caller skips from then on is known to be more.
        return kept.score[-1] if self.dropped else None

    def pairs(self) -> Pairs:
        """Return what is kept, best first, then by first and second."""
        if not self._parts:
            return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        first, second, score = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        badness = self._sign * score
        if self._once:
            order = np.lexsort((badness, second, first))
            changes = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
            best = order[np.append(True, changes)]
            first, second, score, badness = first[best], second[best], score[best], badness[best]
        order = np.lexsort((second, first, badness))
        self.dropped |= len(order) > self.limit
        order = order[: self.limit]
        return Pairs(first[order], second[order], score[order])
