"""Verification as Open Model Zoo's accuracy checker does it (``pairwise_accuracy_subsets``).

The parts are cut over the *first images* of pairs, not over the pairs, and the threshold is by
default the median of the other parts' distances, which supposes as many pairs of one person as of
two. Formulas: ``metrics/reid.py`` and ``annotation_converters/lfw.py`` there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import angles, finite_pairs, unit
from zqcnn_xp.evaluation.pair_set import PairSet
from zqcnn_xp.evaluation.part_accuracies import PartAccuracies

__all__ = ["PairwiseAccuracy", "pairwise_accuracy"]

DISTANCES = ("euclidian_distance", "cosine_distance")
THRESHOLDS = ("train_median", "best_train_threshold")
ORDERS = ("lfw", "pairs")
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class PairwiseAccuracy(PartAccuracies):
    """What it found, and by which of its rules."""

    distance: str
    threshold: str
    order: str
    subtract_mean: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return super().to_dict() | {
            "subsets": len(self.accuracies),
            "distance": self.distance,
            "threshold": self.threshold,
            "order": self.order,
            "subtract_mean": self.subtract_mean,
        }


def pairwise_accuracy(
    features: ArrayLike,
    pairs: PairSet,
    *,
    subsets: int = 10,
    distance: str = "euclidian_distance",
    threshold: str = "train_median",
    subtract_mean: bool = False,
    order: str = "lfw",
) -> PairwiseAccuracy:
    """Verify pairs in parts of their first images.

    Parameters
    ----------
    features
        (m, d), a row for each of ``pairs.names``; scaled to length 1, as the checker's adapter for
        such networks does.
    pairs
        Which rows are compared; their own parts do not matter here.
    subsets
        Parts: 10 by default, 2 in the configuration of its data set ``lfw``.
    distance
        ``"euclidian_distance"`` is (1 - dot product) / 2, which is none, but the name there;
        ``"cosine_distance"`` is the angle in units of pi.
    threshold
        ``"train_median"``, or ``"best_train_threshold"`` of 0, 0.01, ... 3.99 (the first of the
        best). A pair counts as one person below it.
    subtract_mean
        Subtract the mean of both sides of the other parts' pairs first.
    order
        ``"lfw"``, as its converter of ``pairs.txt`` does: first images in the order of their
        appearance, those of all pairs of one person before the others, so that parts hold more of
        one kind than of the other. ``"pairs"``, as its converter of ``.bin`` sets does: every pair
        has images of its own, so that parts are runs of pairs.

    Raises
    ------
    InputError
        An unknown choice, fewer first images than parts.

    Examples
    --------
    >>> from zqcnn_xp.evaluation.pair_set import pairs_of_rows
    >>> rows = [[1, 0], [1, 0.1], [1, 0], [0, 1]] * 2
    >>> pairwise_accuracy(rows, pairs_of_rows([True, False] * 2), subsets=2, order="pairs").accuracy
    1.0
    """
    for value, choices in ((distance, DISTANCES), (threshold, THRESHOLDS), (order, ORDERS)):
        if value not in choices:
            raise InputError(f"found {value!r}, expected one of {', '.join(choices)}")
    compared = finite_pairs(features, pairs)
    kept, left, right = compared.pairs, unit(compared.left), unit(compared.right)
    part = _parts(kept, subsets, order)
    accuracies, thresholds = [], []
    for number in range(subsets):
        test = part == number
        if not test.any():
            continue
        train = ~test
        mean = np.zeros(1)
        if subtract_mean:
            mean = np.concatenate([left[train], right[train]]).mean(0)
        away = _distances(left - mean, right - mean, distance)
        if threshold == "train_median":
            limit = float(np.median(away[train]))
        else:
            limit = _best(away[train], kept.same[train])
        thresholds.append(limit)
        accuracies.append(float(((away[test] < limit) == kept.same[test]).mean()))
    return PairwiseAccuracy(
        np.array(accuracies), np.array(thresholds), len(kept), compared.not_finite,
        distance, threshold, order, subtract_mean,
    )  # fmt: skip


def _parts(pairs: PairSet, subsets: int, order: str) -> NDArray[np.int64]:
    """Return the part of each pair: that of its first image."""
    if order == "pairs":
        place = np.arange(len(pairs))
        return _cut(place, len(pairs), subsets)
    # All images are numbered in the order of their appearance, and those that no pair begins with
    # are then dropped, which keeps the order of the others.
    sequence = np.concatenate([_both(pairs, pairs.same), _both(pairs, ~pairs.same)])
    images, first = np.unique(sequence, return_index=True)
    begins = np.isin(images, pairs.left)
    ordered = images[begins][np.argsort(first[begins])]
    place = np.zeros(len(pairs.names), np.int64)
    place[ordered] = np.arange(len(ordered))
    return _cut(place[pairs.left], len(ordered), subsets)


def _cut(place: NDArray[np.int64], count: int, subsets: int) -> NDArray[np.int64]:
    if not 2 <= subsets <= count:
        raise InputError(f"subsets={subsets}: found {count} first images, expected 2 to as many")
    bounds = np.arange(1, subsets + 1) * count // subsets
    return np.searchsorted(bounds, place, "right").astype(np.int64)


def _both(pairs: PairSet, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the images of some pairs in order: left, right, left, right, ..."""
    return np.stack([pairs.left[chosen], pairs.right[chosen]], 1).ravel()


def _distances(left: Float64, right: Float64, distance: str) -> Float64:
    if distance == "cosine_distance":
        return angles(left, right)
    found: Float64 = 0.5 * (1 - np.einsum("nd,nd->n", left, right))
    return found


def _best(distances: Float64, same: NDArray[np.bool_]) -> float:
    grid = np.arange(0, 4, 0.01)
    right = np.searchsorted(np.sort(distances[same]), grid, "left")
    right = right - np.searchsorted(np.sort(distances[~same]), grid, "left")
    return float(grid[np.argmax(right)])
