"""The highest impostor scores of all pairs, exact in float64, out of a scan that holds no scores.

The scan gives float32 scores above a floor, and the floor rises as better ones come in: to the
least of the best ``keep`` so far, less what float32 may be wrong by. What is left in the end is
scored again in float64. Nothing that belongs to the best can have been lost: were its float32 score
below the floor, its exact one would be below that of ``keep`` others.

Where the floor begins is told by some pairs drawn by chance, low enough for twice as many as
wanted. Should the exact score of rank ``keep`` turn out to be below it, pairs above may have
been passed over, and the scan begins anew without it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.genuine_scores import pair_counts
from zqcnn_xp.evaluation.vectors import Vectors
from zqcnn_xp.gallery.scan import Floor, Hits, scan_pairs
from zqcnn_xp.parallel import in_order

__all__ = ["Top", "reached", "top_impostors"]

_SLACK = 1 << 18
_TIES = 1 << 24
_RESCORED = 1 << 16
_DRAWN = 1 << 18
_LEAST_DRAWN = 64  # of those drawn reach the first floor: enough not to be off by half


class Top(NamedTuple):
    """The highest impostor scores, best first.

    Parameters
    ----------
    score
        (t,) float64, descending.
    first, second
        (t,) int32: the rows of each pair.
    """

    score: NDArray[np.float64]
    first: NDArray[np.int32]
    second: NDArray[np.int32]


def top_impostors(
    vectors: Vectors,
    identities: NDArray[np.integer[Any]],
    keep: int,
    *,
    backend: str | Backend | None = None,
    threads: int | None = None,
    rescorers: int = 1,
) -> Top:
    """Return the ``keep`` highest scores of pairs of two identities, and all equal to the last.

    Parameters
    ----------
    vectors
        n features.
    identities
        (n,) integers.
    keep
        1 or more. Where there are fewer impostor pairs, all are returned.
    backend, threads
        Of the scan, see `scan_pairs`.
    rescorers
        Threads that score in float64.

    Raises
    ------
    InputError
        If so many pairs have nearly the same score that they cannot be held, or the backend's
        products are coarser than float32.

    Examples
    --------
    >>> vectors = Vectors(np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0], [4.0, 3.0]]))
    >>> top = top_impostors(vectors, np.array([0, 1, 2, 2]), 2)
    >>> top.score.tolist(), top.first.tolist(), top.second.tolist()
    ([0.8, 0.8], [0, 1], [3, 2])
    """
    begin = _first_floor(vectors, identities, keep)
    for least in (begin, -np.inf) if np.isfinite(begin) else (begin,):
        held = _Held(vectors, identities, keep, least - vectors.rounding())
        for hits in scan_pairs(vectors, held.floor, backend=backend, threads=threads):
            held.add(hits)
        top = _exact(vectors, held, rescorers)
        # All whose exact score reaches this have been seen, and no others for certain.
        if len(top.score) >= keep and top.score[keep - 1] >= least:
            break
    if keep < len(top.score):
        some = reached(top.score, top.score[keep - 1])
        top = Top(top.score[:some], top.first[:some], top.second[:some])
    return top


def _exact(vectors: Vectors, held: _Held, threads: int) -> Top:
    """Score what a scan has left in float64, and put it in order."""
    score, first, second = held.compact()
    exact = np.empty(len(score))

    def scored(part: slice) -> tuple[slice, NDArray[np.float64]]:
        return part, vectors.scores(first[part], second[part])

    parts = [slice(at, at + _RESCORED) for at in range(0, len(score), _RESCORED)]
    for part, values in in_order(scored, parts, threads):
        exact[part] = values
    worst = float(np.abs(exact - score).max(initial=0.0))
    if worst > held.margin / 2:
        msg = f"found scores off by {worst:.2g}, expected float32's {held.margin / 2:.2g} at most"
        raise InputError(f"{msg}: take another backend or precision")
    order = np.argsort(exact)[::-1]
    return Top(exact[order], first[order], second[order])


def reached(descending: NDArray[np.float64], threshold: float) -> int:
    """Return how many scores are no less than a threshold.

    Examples
    --------
    >>> reached(np.array([0.5, 0.25, 0.25, 0.0]), 0.25)
    3
    """
    return len(descending) - int(np.searchsorted(descending[::-1], threshold))


def _first_floor(vectors: Vectors, identities: NDArray[np.integer[Any]], keep: int) -> float:
    """Return an exact score that some twice as many impostors as wanted reach; or -inf."""
    _, impostors = pair_counts(identities)
    if impostors < _DRAWN:
        return -np.inf
    one, other = np.random.default_rng(0).integers(0, len(identities), (2, _DRAWN))
    different = identities[one] != identities[other]
    scores = np.sort(vectors.scores(one[different], other[different]))
    rank = max(_LEAST_DRAWN, int(2 * keep / impostors * len(scores)) + 1)
    if rank >= len(scores):
        return -np.inf
    return float(scores[-rank])


class _Held:
    """The best hits so far, and the floor that they set."""

    def __init__(
        self,
        vectors: Vectors,
        identities: NDArray[np.integer[Any]],
        keep: int,
        floor: float,
    ) -> None:
        self.floor = Floor(floor)
        self.margin = 2 * vectors.rounding()
        self._identities = identities.astype(np.int32)
        self._keep = keep
        self._parts: list[tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]] = []
        self._size = 0
        self._limit = 2 * keep + _SLACK

    def add(self, hits: Hits) -> None:
        """Take the impostors of some hits."""
        different = self._identities[hits.query] != self._identities[hits.row]
        score = hits.score[different]
        if not len(score):
            return
        first = hits.query[different].astype(np.int32)
        self._parts.append((score, first, hits.row[different].astype(np.int32)))
        self._size += len(score)
        if self._size > self._limit:
            self.compact()

    def compact(self) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
        """Drop what cannot be among the best, raise the floor, and return what is left."""
        empty = np.empty(0, np.int32)
        parts = self._parts or [(np.empty(0, np.float32), empty, empty)]
        score, first, second = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(score) > self._keep:
            at = len(score) - self._keep
            least = float(np.partition(score, at)[at]) - self.margin
            self.floor.raise_to(least)
            best = score >= least
            score, first, second = score[best], first[best], second[best]
        if len(score) > self._keep + _TIES:
            msg = (
                f"found {len(score):,} pairs that score no lower than the {self._keep:,}-th, "
                f"to float32's rounding; expected fewer than {_TIES:,} nearly equal ones"
            )
            raise InputError(msg)
        self._parts = [(score, first, second)]
        self._size = len(score)
        self._limit = 2 * len(score) + _SLACK
        return score, first, second
