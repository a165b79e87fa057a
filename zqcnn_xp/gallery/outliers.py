"""Features that fit their person badly: wrong photos, wrong names, bad crops."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.picked import PickedRows, gathered
from zqcnn_xp.gallery.pivots import Pivots, find_pivots
from zqcnn_xp.gallery.search import search

__all__ = ["Mislabelled", "Outliers", "find_mislabelled", "find_outliers"]

# Features that are compared with all pivots at a time.
_QUERIES = 4096


class Outliers(NamedTuple):
    """Features far from their person's pivot, the farthest first.

    Attributes
    ----------
    rows
        (n,) int64.
    people
        (n,) int64 person of each.
    to_pivot, to_others
        (n,) float32 similarity to the pivot, and the mean one to the person's other features.
    single
        (s,) int64 persons of one feature: nothing can be said about it.
    empty
        (e,) int64 persons without one.
    """

    rows: NDArray[np.int64]
    people: NDArray[np.int64]
    to_pivot: NDArray[np.float32]
    to_others: NDArray[np.float32]
    single: NDArray[np.int64]
    empty: NDArray[np.int64]


def find_outliers(
    labelled: Labelled, threshold: float | None = None, *, pivots: Pivots | None = None
) -> Outliers:
    """Rank features by how little they resemble their person's pivot.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.
    threshold
        Only features below this similarity to the pivot; None ranks all of persons who have two.
    pivots
        What `find_pivots` gave for this set, if it is there.

    Returns
    -------
    Outliers
        Of a person with two features the pivot is the earlier: only the pair can be judged.

    Notes
    -----
    Two passes over the features; 75 bytes a feature.

    Examples
    --------
    >>> features = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    >>> found = find_outliers(Labelled.of(features, ["Ann", "Ann", "Ann", "Bo"]), 0.5)
    >>> found.rows.tolist(), found.single.tolist()
    ([2], [1])
    """
    found = find_pivots(labelled) if pivots is None else pivots
    others = labelled.ids >= 0
    others[found.rows[found.rows >= 0]] = False
    if threshold is not None:
        others &= found.to_pivot < threshold
    rows = np.flatnonzero(others)
    rows = rows[np.argsort(found.to_pivot[rows], kind="stable")]
    return Outliers(
        rows,
        labelled.ids[rows].astype(np.int64),
        found.to_pivot[rows],
        found.to_others[rows],
        np.flatnonzero(labelled.counts == 1),
        np.flatnonzero(labelled.counts == 0),
    )


class Mislabelled(NamedTuple):
    """Features that are nearer to another person than to their own, the clearest first.

    Attributes
    ----------
    rows
        (n,) int64.
    people, nearer
        (n,) int64 the person by label, and the one that is nearer.
    own, other
        (n,) float32 similarities to the two.
    """

    rows: NDArray[np.int64]
    people: NDArray[np.int64]
    nearer: NDArray[np.int64]
    own: NDArray[np.float32]
    other: NDArray[np.float32]


def find_mislabelled(
    labelled: Labelled,
    *,
    margin: float = 0.0,
    below: float | None = None,
    pivots: Pivots | None = None,
    **options: Any,
) -> Mislabelled:
    """Find features that are nearer to another person's pivot than to their own's.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.
    margin
        How much nearer, at least.
    below
        Look only at features whose similarity to their own pivot is below this. That is what makes
        it quick on a large set: the others are not compared with anybody.
    pivots
        What `find_pivots` gave for this set, if it is there.
    **options
        Passed to `search`: backend, threads.

    Returns
    -------
    Mislabelled
        A pivot itself is judged by its similarity to the feature nearest to it. Persons of one
        feature have nothing to be judged by.

    Raises
    ------
    InputError
        If a number is none.

    Notes
    -----
    Each feature looked at is compared with each pivot. Memory: 160 bytes a feature, and blocks of
    4,096.

    Examples
    --------
    >>> features = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 1]]
    >>> found = find_mislabelled(Labelled.of(features, ["Ann", "Ann", "Ann", "Bo", "Bo"]))
    >>> found.rows.tolist(), found.nearer.tolist(), found.other.tolist()
    ([2], [1], [1.0])
    """
    for name, value in (("margin", margin), ("below", below)):
        if value is not None and not np.isfinite(value):
            raise InputError(f"{name}={value!r}: expected a finite number")
    found = find_pivots(labelled) if pivots is None else pivots
    own = _own(labelled, found)
    looked_at = ~np.isnan(own)
    if below is not None:
        looked_at &= own < below
    rows = np.flatnonzero(looked_at)
    present = np.flatnonzero(labelled.counts)
    others = PickedRows(labelled.rows, found.rows[present])
    parts: list[Mislabelled] = []
    for start in range(0, len(rows), _QUERIES):
        part = rows[start : start + _QUERIES]
        nearest = search(gathered(labelled.rows, part), others, min(2, len(present)), **options)
        people = labelled.ids[part].astype(np.int64)
        persons = np.where(nearest.indices >= 0, present[nearest.indices], -1)
        # The best that is somebody else.
        scores = np.where((persons == people[:, None]) | (persons < 0), -np.inf, nearest.scores)
        best = scores.argmax(axis=1)
        each = np.arange(len(part))
        other = scores[each, best].astype(np.float32)
        keep = other - own[part] > margin
        parts.append(
            Mislabelled(
                part[keep], people[keep], persons[each, best][keep], own[part][keep], other[keep]
            )
        )
    if not parts:
        none = np.zeros(0, np.int64)
        return Mislabelled(none, none, none, none.astype(np.float32), none.astype(np.float32))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[3] - joined[4], kind="stable")
    return Mislabelled(*(column[order] for column in joined))


def _own(labelled: Labelled, pivots: Pivots) -> NDArray[np.float32]:
    """Return (n,) similarities to the own pivot; a pivot's is that of its nearest; else NaN."""
    own = pivots.to_pivot.copy()
    own[pivots.rows[pivots.rows >= 0]] = -np.inf
    best = np.full(len(labelled.people), -np.inf, np.float32)
    named = labelled.ids >= 0
    np.maximum.at(best, labelled.ids[named], own[named])
    present = np.flatnonzero(labelled.counts)
    own[pivots.rows[present]] = best[present]
    own[np.isneginf(own)] = np.nan
    return own
