"""Parts of a labelled set: persons with enough photos that agree, or a random choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.pivots import Pivots, find_pivots

__all__ = ["consistent_subset", "random_subset"]


def consistent_subset(
    labelled: Labelled, images: int, threshold: float, *, pivots: Pivots | None = None
) -> NDArray[np.int64]:
    """Choose the persons who have enough features near their pivot, and those features.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.
    images
        How many features of a person must be near the pivot, itself included; at least 1.
    threshold
        Smallest similarity to the pivot.
    pivots
        What `find_pivots` gave for this set, if it is there.

    Returns
    -------
    NDArray[int64]
        Rows, ascending.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> features = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    >>> consistent_subset(Labelled.of(features, ["Ann", "Ann", "Ann", "Bo"]), 2, 0.5).tolist()
    [0, 1]
    """
    if images < 1:
        raise InputError(f"images={images}: expected at least 1")
    if not np.isfinite(threshold):
        raise InputError(f"threshold={threshold}: expected a finite number")
    found = find_pivots(labelled) if pivots is None else pivots
    near = found.to_pivot >= threshold
    near[found.rows[found.rows >= 0]] = True
    enough = np.bincount(labelled.ids[near], minlength=len(labelled.people)) >= images
    rows = np.flatnonzero(near)
    return rows[enough[labelled.ids[rows]]]


def random_subset(
    labelled: Labelled, people: int, images: tuple[int, int], *, seed: int = 0
) -> NDArray[np.int64]:
    """Choose persons at random, and features of each.

    Parameters
    ----------
    labelled
        Features with their persons.
    people
        How many persons.
    images
        (fewest, most) features of each: who has fewer is not chosen, of who has more so many are.
    seed
        The same seed chooses the same.

    Returns
    -------
    NDArray[int64]
        Rows, ascending.

    Raises
    ------
    InputError
        If there are not so many persons who have so many features, or a number is out of range.

    Examples
    --------
    >>> features = np.zeros((6, 2), np.float32)
    >>> faces = Labelled.of(features, ["Ann", "Ann", "Ann", "Bo", "Cy", "Cy"])
    >>> rows = random_subset(faces, 2, (2, 2))
    >>> len(rows), sorted(set(faces.ids[rows].tolist()))
    (4, [0, 2])
    """
    fewest, most = images
    if not 1 <= fewest <= most:
        raise InputError(f"images={images}: expected (fewest, most), 1 <= fewest <= most")
    able = np.flatnonzero(labelled.counts >= fewest)
    if not 1 <= people <= len(able):
        found = f"{len(able)} persons with {fewest} images or more"
        raise InputError(f"found {found}, expected people={people} to be 1 to that many")
    random = np.random.default_rng(seed)
    chosen = random.choice(able, people, replace=False)
    rows = [
        members
        if len(members := labelled.members(int(person))) <= most
        else random.choice(members, most, replace=False)
        for person in chosen
    ]
    return np.sort(np.concatenate(rows))
