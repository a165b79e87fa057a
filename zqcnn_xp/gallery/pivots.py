"""The most central feature of each person, and how near the others are to it.

A person's pivot is the feature with the largest sum of similarities to the person's other features.
The sum over dot products is the dot product with the sum, so that this takes one pass over a
person's features and not all pairs of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.gallery.labelled import Labelled, PeopleBlock
from zqcnn_xp.gallery.picked import gathered

__all__ = ["Pivots", "find_pivots"]

# Mean similarities that differ by less are equal: the earlier row is the pivot.
_EQUAL = 1e-6


class Pivots(NamedTuple):
    """What `find_pivots` returns, for p persons and n features.

    Attributes
    ----------
    rows
        (p,) row of each person's pivot; -1 for a person without features.
    to_pivot
        (n,) float32 similarity of each feature to its person's pivot, 1 for the pivot; NaN for a
        feature that is of nobody.
    to_others
        (n,) float32 mean similarity of each feature to the person's other features; NaN where
        there are none.
    """

    rows: NDArray[np.int64]
    to_pivot: NDArray[np.float32]
    to_others: NDArray[np.float32]


def find_pivots(labelled: Labelled) -> Pivots:
    """Find the pivot of each person, and the similarities to it.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.

    Returns
    -------
    Pivots
        Of two features that are equally central, as any two that a person has are, the earlier
        row is the pivot.

    Notes
    -----
    Memory: 8 bytes a feature and a person for the result, and some blocks of features.

    Examples
    --------
    >>> angles = np.radians([0, 20, 30, 200])
    >>> features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    >>> pivots = find_pivots(Labelled.of(features, ["Ann", "Ann", "Ann", "Bo"]))
    >>> pivots.rows.tolist(), pivots.to_pivot.round(3).tolist()
    ([1, 3], [0.9399999976158142, 1.0, 0.9850000143051147, 1.0])
    """
    count = len(labelled)
    pivots = Pivots(
        np.full(len(labelled.people), -1, np.int64),
        np.full(count, np.nan, np.float32),
        np.full(count, np.nan, np.float32),
    )
    large: int | None = None
    for block in labelled.blocks():
        person = int(block.people[0])
        if labelled.counts[person] == len(block.rows) or len(block.people) > 1:
            _whole(block, pivots)
        elif person != large:  # its first part; the others follow
            large = person
            _in_parts(labelled, person, pivots)
    return pivots


def _whole(block: PeopleBlock, pivots: Pivots) -> None:
    """Find the pivots of persons whose features are all in a block."""
    features, groups = block.features, block.groups
    sums = np.add.reduceat(features, block.starts, axis=0, dtype=np.float64)
    others = _others(features, sums[groups], np.diff(np.append(block.starts, len(groups)))[groups])
    best = np.maximum.reduceat(others, block.starts)
    central = np.flatnonzero(~(others < best[groups] - _EQUAL))
    first = central[np.unique(groups[central], return_index=True)[1]]
    pivots.rows[block.people] = block.rows[first]
    similar = np.einsum("ij,ij->i", features, features[first][groups])
    similar[first] = 1
    pivots.to_pivot[block.rows] = similar
    pivots.to_others[block.rows] = others


def _others(
    features: NDArray[np.float32], sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean similarity of features to the rest of those that ``sums`` are of."""
    total = np.einsum("ij,ij->i", features, sums)
    total -= np.einsum("ij,ij->i", features, features, dtype=np.float64)
    found = np.full(len(features), np.nan)
    np.divide(total, counts - 1, out=found, where=counts > 1)
    return found


def _in_parts(labelled: Labelled, person: int, pivots: Pivots) -> None:
    """Find the pivot of one person whose features do not fit into a block."""
    total = np.zeros(labelled.rows.shape[1])
    for _, features in labelled.parts(person):
        total += features.sum(axis=0, dtype=np.float64)
    members = labelled.members(person)
    for rows, features in labelled.parts(person):
        sums = np.broadcast_to(total, features.shape)
        counts = np.full(len(rows), len(members))
        pivots.to_others[rows] = _others(features, sums, counts)
    others = pivots.to_others[members]
    pivot = int(members[np.argmax(others >= others.max() - _EQUAL)])
    pivots.rows[person] = pivot
    centre = gathered(labelled.rows, np.array([pivot]))[0]
    for rows, features in labelled.parts(person):
        pivots.to_pivot[rows] = features @ centre
    pivots.to_pivot[pivot] = 1
