"""LFW as ZQCNN evaluates it (``EvaluationOnLFW``), which is SphereFace's evaluation.

In each part: the mean feature of the other parts' pairs is subtracted, the cosine of what remains
is the score, and the threshold is the *mean* of all of -1, -0.9999, ... 1 that judge most of the
other parts' pairs right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import cosines, finite_pairs, unit
from zqcnn_xp.evaluation.pair_set import PairSet
from zqcnn_xp.evaluation.part_accuracies import PartAccuracies

__all__ = ["ZqcnnLfw", "zqcnn_lfw"]

_STEPS = 10_000
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class ZqcnnLfw(PartAccuracies):
    """What it found; thresholds are cosines."""


def zqcnn_lfw(features: ArrayLike, pairs: PairSet) -> ZqcnnLfw:
    """Verify pairs in the parts of their list.

    Parameters
    ----------
    features
        (m, d), a row for each of ``pairs.names``; scaled to length 1 here. With mirrored images
        ZQCNN joins them by the rule ``"concatenate-unit"`` of
        `zqcnn_xp.evaluation.features.flip_rule`.
    pairs
        Which rows are compared, and in which parts.

    Raises
    ------
    InputError
        Features that do not fit, fewer than two parts.

    Notes
    -----
    A pair of one person is right above the threshold, one of two below it; a score equal to the
    threshold is never right. The threshold is rounded to float32, as there.

    Examples
    --------
    >>> from zqcnn_xp.evaluation.pair_set import pairs_of_rows
    >>> rows = [[1, 0], [1, 0.1], [1, 0], [0, 1]] * 2
    >>> zqcnn_lfw(rows, pairs_of_rows([True, False] * 2)).accuracy
    1.0
    """
    compared = finite_pairs(features, pairs)
    left, right = unit(compared.left), unit(compared.right)
    fold, same = compared.pairs.fold, compared.pairs.same
    parts = np.unique(fold)
    if len(parts) < 2:
        raise InputError(f"found {len(parts)} parts of pairs, expected at least 2")
    grid = np.arange(2 * _STEPS + 1) / _STEPS - 1
    accuracies, thresholds = np.zeros(len(parts)), np.zeros(len(parts))
    for k, part in enumerate(parts):
        test = fold == part
        mean = np.concatenate([left[~test], right[~test]]).mean(0)
        scores = cosines(left - mean, right - mean)
        correct = _correct(scores[~test], same[~test], grid)
        best = grid[correct == correct.max()].mean()
        thresholds[k] = np.float32(best)
        accuracies[k] = _correct(scores[test], same[test], thresholds[k : k + 1])[0] / test.sum()
    return ZqcnnLfw(accuracies, thresholds, len(same), compared.not_finite)


def _correct(scores: Float64, same: NDArray[np.bool_], thresholds: Float64) -> NDArray[np.int64]:
    """Count the pairs that are judged right with each threshold."""
    genuine, impostor = np.sort(scores[same]), np.sort(scores[~same])
    above = len(genuine) - np.searchsorted(genuine, thresholds, "right")
    return (above + np.searchsorted(impostor, thresholds, "left")).astype(np.int64)
