"""Pairs of features that are too similar: the same photo twice, one person under two names."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.best_pairs import BestPairs, Pairs
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.near_pairs import near_pairs
from zqcnn_xp.gallery.picked import PickedRows
from zqcnn_xp.gallery.pivots import find_pivots
from zqcnn_xp.gallery.rows import Features, as_rows

__all__ = ["FoundPairs", "find_duplicates", "find_repeated_people"]

LIMIT = 100_000

Where = Literal["all", "within", "across"]


class FoundPairs(NamedTuple):
    """Pairs, best first, and whether there were more than the limit.

    Attributes
    ----------
    pairs
        At most ``limit``.
    more
        Pairs above the threshold were left out: the worst of them.
    """

    pairs: Pairs
    more: bool


def find_duplicates(
    faces: Labelled | Features,
    threshold: float = 0.95,
    *,
    where: Where = "all",
    limit: int = LIMIT,
    **scan: Any,
) -> FoundPairs:
    """Find features that are nearly the same: the same image twice, or a copy of it.

    Parameters
    ----------
    faces
        Features of length 1, with their persons where ``where`` asks for them.
    threshold
        Smallest similarity of a pair. Two photos of one person seldom reach 0.95; what is found
        above are mostly copies, cuts and re-encodings of one photo, and twins in one film.
    where
        Pairs within one person, across two (of which one may be nobody), or all.
    limit
        Keep this many of the most similar.
    **scan
        Passed to `near_pairs`: backend, threads.

    Returns
    -------
    FoundPairs
        Pairs of rows, the lower row first; the most similar pair first.

    Raises
    ------
    InputError
        A threshold that is no number, another ``where``, or labels are missing.

    Notes
    -----
    Every pair is compared, n * (n - 1) / 2 of them, by what a threshold asks for: the higher it is,
    the quicker. Memory is bounded by ``limit`` and by blocks.

    Examples
    --------
    >>> features = np.eye(4, dtype=np.float32)[[0, 1, 0, 2]]
    >>> find_duplicates(features).pairs.first, find_duplicates(features).pairs.second
    (array([0]), array([2]))
    """
    if where not in ("all", "within", "across"):
        raise InputError(f"where={where!r}: expected 'all', 'within' or 'across'")
    ids: NDArray[Any] | None = None
    if where != "all":
        if not isinstance(faces, Labelled):
            raise InputError(f"where={where!r}: expected features with their persons")
        ids = faces.ids
    rows = faces.rows if isinstance(faces, Labelled) else as_rows(faces)
    floor = Floor(_number(threshold))
    best = BestPairs(limit)
    for hits in near_pairs(rows, floor, **scan):
        first, second, score = hits
        if ids is not None:
            same = (ids[first] == ids[second]) & (ids[first] >= 0)
            keep = same if where == "within" else ~same
            first, second, score = first[keep], second[keep], score[keep]
        _raise(floor, best.add(first, second, score))
    return FoundPairs(best.pairs(), best.dropped)


def find_repeated_people(
    labelled: Labelled,
    threshold: float,
    *,
    only_pivots: bool = True,
    limit: int = LIMIT,
    **scan: Any,
) -> FoundPairs:
    """Find persons who are probably one: the same person under two names.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.
    threshold
        Smallest similarity of the two: the one at which two photos count as one person.
    only_pivots
        Compare the pivots of the persons, as `find_pivots` chooses them. False compares every
        feature of one with every feature of the other, and takes the best; that also finds persons
        who share one wrong photo.
    limit, **scan
        As in `find_duplicates`.

    Returns
    -------
    FoundPairs
        Pairs of persons, the lower number first; the most similar pair first.

    Notes
    -----
    Memory: `find_pivots`' or 8 bytes a feature, ``limit`` pairs, and blocks. Pivots are read from
    where they are.

    Examples
    --------
    >>> features = np.eye(3, dtype=np.float32)[[0, 0, 1, 0]]
    >>> found = find_repeated_people(Labelled.of(features, ["Ann", "Ann", "Bo", "Anne"]), 0.5)
    >>> found.pairs.first, found.pairs.second, found.pairs.score
    (array([0]), array([2]), array([1.], dtype=float32))
    """
    floor = Floor(_number(threshold))
    if only_pivots:
        present = np.flatnonzero(labelled.counts)
        rows = PickedRows(labelled.rows, find_pivots(labelled).rows[present])
        person_of = present
    else:
        rows = PickedRows(labelled.rows, labelled.order)
        person_of = labelled.ids[labelled.order]
    best = BestPairs(limit, once=True)
    for hits in near_pairs(rows, floor, **scan):
        one, other = person_of[hits.query], person_of[hits.row]
        keep = one != other
        low, high = np.minimum(one, other)[keep], np.maximum(one, other)[keep]
        _raise(floor, best.add(low, high, hits.score[keep]))
    return FoundPairs(best.pairs(), best.dropped)


def _number(threshold: float) -> float:
    """Check a threshold."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | np.floating):
        raise InputError(f"threshold={threshold!r}: expected a number")
    if not np.isfinite(threshold):
        raise InputError(f"threshold={threshold!r}: expected a finite number")
    return float(threshold)


def _raise(floor: Floor, score: np.float32 | None) -> None:
    """Let a scan skip what would not be kept."""
    if score is not None:
        floor.raise_to(score)
