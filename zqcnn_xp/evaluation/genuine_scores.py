"""Scores of all pairs within identities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.vectors import Vectors
from zqcnn_xp.parallel import in_order

__all__ = ["MAX_GENUINE", "Genuine", "genuine_count", "genuine_scores", "pair_counts"]

MAX_GENUINE = 100_000_000
"""Genuine pairs that are held: 1.2 GB. 5,000 identities of 20 images have 950,000."""
_PAIRS = 1 << 18


class Genuine(NamedTuple):
    """Genuine scores, best first.

    Parameters
    ----------
    score
        (g,) float64, descending.
    identity
        (g,) int32.
    """

    score: NDArray[np.float64]
    identity: NDArray[np.int32]


def genuine_count(identities: NDArray[np.integer[Any]]) -> int:
    """Return the number of genuine pairs.

    Parameters
    ----------
    identities
        (n,) integers from 0 on.

    Examples
    --------
    >>> genuine_count(np.array([0, 0, 0, 1, 2, 2]))
    4
    """
    counts = np.bincount(identities)
    return int((counts * (counts - 1) // 2).sum())


def genuine_scores(
    vectors: Vectors, identities: NDArray[np.integer[Any]], threads: int = 1
) -> Genuine:
    """Score every pair of one identity.

    Parameters
    ----------
    vectors
        n features.
    identities
        (n,) integers from 0 on.
    threads
        How many compute.

    Raises
    ------
    InputError
        If there are more than `MAX_GENUINE` pairs.

    Examples
    --------
    >>> vectors = Vectors(np.array([[1.0, 0.0], [1.0, 0.0], [3.0, 4.0], [0.0, 1.0], [3.0, 4.0]]))
    >>> found = genuine_scores(vectors, np.array([0, 0, 0, 1, 1]))
    >>> found.score.tolist(), found.identity.tolist()
    ([1.0, 0.8, 0.6, 0.6], [0, 1, 0, 0])
    """
    total = genuine_count(identities)
    if total > MAX_GENUINE:
        msg = f"found {total:,} genuine pairs, expected at most {MAX_GENUINE:,}"
        raise InputError(msg)

    def scored(pairs: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.float64]:
        return vectors.scores(*pairs)

    of = identities.astype(np.int32)
    score = np.empty(total)
    identity = np.empty(total, np.int32)
    at = 0
    # The pairs are listed again for their identities: cheaper than to hold them all.
    parts = zip(in_order(scored, _pairs(identities), threads), _pairs(identities), strict=True)
    for values, (first, _) in parts:
        score[at : at + len(values)] = values
        identity[at : at + len(values)] = of[first]
        at += len(values)
    order = np.argsort(-score, kind="stable")
    return Genuine(score[order], identity[order])


def _pairs(
    identities: NDArray[np.integer[Any]],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the genuine pairs, a bounded number at a time."""
    order = np.argsort(identities, kind="stable")
    counts = np.bincount(identities)
    # Row i of the order forms pairs with those after it that are of its identity.
    after = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(order))
    done = 0
    ends = np.cumsum(after)
    while done < len(order):
        before = ends[done - 1] if done else 0
        stop = max(int(np.searchsorted(ends, before + _PAIRS, "right")), done + 1)
        some = after[done:stop]
        first = np.repeat(np.arange(done, stop), some)
        step = np.arange(len(first)) - np.repeat(np.cumsum(some) - some, some)
        if len(first):
            yield order[first], order[first + 1 + step]
        done = stop


def pair_counts(identities: NDArray[np.integer[Any]]) -> tuple[int, int]:
    """Return the numbers of genuine and of impostor pairs.

    Examples
    --------
    >>> pair_counts(np.array([0, 0, 1]))
    (1, 2)
    """
    n = len(identities)
    genuine = genuine_count(identities)
    return genuine, n * (n - 1) // 2 - genuine
