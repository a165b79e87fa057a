"""The 10-fold verification of insightface, gluon-face and facenet (LFW, CFP, AgeDB, CALFW, ...).

In each of ten parts of the pairs, those pairs are judged with the threshold at which most pairs of
the other nine are judged right. Formulas: insightface's ``verification.py`` and facenet's
``lfw.py``, from which it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import Compared, angles, finite_pairs, squared_distances, unit
from zqcnn_xp.evaluation.pair_set import PairSet, contiguous_folds
from zqcnn_xp.evaluation.part_accuracies import PartAccuracies
from zqcnn_xp.evaluation.val_far import VAL_RULES, val_threshold

__all__ = ["TenFold", "ten_fold"]

METRICS = ("squared", "angle")
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class TenFold(PartAccuracies):
    """What ten-fold verification found; means and deviations are over the parts.

    Parameters
    ----------
    accuracies, thresholds, pairs, not_finite
        As in `PartAccuracies`; thresholds are distances.
    val, val_far
        (folds,) float64: the share of a part's genuine pairs, and of its impostor pairs, that are
        nearer than the threshold which the other parts give for the FAR asked for. NaN where the
        part has no such pairs, or the other parts have no impostors to find a threshold by.
    far_target, val_rule
        That FAR, and by which rule the threshold was found.
    grid
        (k,) float64, distances that were tried.
    tpr, fpr
        (k,) float64, shares of genuine and of impostor pairs nearer than those; means over the
        parts.
    metric, subtract_mean
        As asked for.
    """

    val: Float64
    val_far: Float64
    far_target: float
    val_rule: str
    grid: Float64
    tpr: Float64
    fpr: Float64
    metric: str
    subtract_mean: bool

    @property
    def val_parts(self) -> int:
        """Number of parts that have a ``val``."""
        return int(np.isfinite(self.val).sum())

    def val_summary(self) -> tuple[float, float, float] | tuple[None, None, None]:
        """Return mean and deviation of ``val`` and mean of ``val_far``, over parts that have them.

        All are None where no part has them: there are no pairs of one kind, or too few.
        """
        val, far = (values[np.isfinite(values)] for values in (self.val, self.val_far))
        if not val.size or not far.size:
            return None, None, None
        return float(val.mean()), float(val.std()), float(far.mean())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON, without the curves."""
        val, deviation, far = self.val_summary()
        return super().to_dict() | {
            "val": val,
            "val_std": deviation,
            "val_far": far,
            "val_parts": self.val_parts,
            "far_target": self.far_target,
            "val_rule": self.val_rule,
            "metric": self.metric,
            "subtract_mean": self.subtract_mean,
        }


def ten_fold(
    features: ArrayLike,
    pairs: PairSet,
    *,
    folds: int | None = None,
    metric: str = "squared",
    subtract_mean: bool = False,
    far_target: float = 1e-3,
    val_rule: str = "conservative",
) -> TenFold:
    """Verify pairs in parts.

    Parameters
    ----------
    features
        (m, d), a row for each of ``pairs.names``, of any length: they are scaled to 1 here. With
        mirrored images, join them first: `zqcnn_xp.evaluation.features.flip_rule`.
    pairs
        Which rows are compared, and in which parts.
    folds
        Cut into so many runs of neighbours; None takes the parts of ``pairs``.
    metric
        ``"squared"``: squared Euclidean distance, tried at 0, 0.01, ... 3.99; a pair counts as one
        person where it is *below* the threshold. ``"angle"``: the angle in units of pi (facenet's
        ``distance_metric`` 1), on the same grid.
    subtract_mean
        Subtract the mean of both sides of the other nine parts' pairs first, as facenet can.
    far_target
        For ``val``: the FAR whose threshold is looked for at 0, 0.001, ... 3.999.
    val_rule
        How; see `zqcnn_xp.evaluation.val_far.val_threshold`. What logs print differs here.

    Returns
    -------
    TenFold
        Accuracies, thresholds, VAL at FAR, the curve.

    Raises
    ------
    InputError
        Features that do not fit the pairs, fewer than two parts, an unknown rule.

    Notes
    -----
    Of several best thresholds the first, lowest one is taken, as ``argmax`` does.

    Examples
    --------
    >>> from zqcnn_xp.evaluation.pair_set import pairs_of_rows
    >>> rows = [[1, 0], [1, 0.1], [1, 0], [0, 1]] * 2
    >>> found = ten_fold(rows, pairs_of_rows([True, False] * 2))
    >>> found.accuracy, found.thresholds.tolist()
    (1.0, [0.01, 0.01, 0.01, 0.01])
    """
    if metric not in METRICS or val_rule not in VAL_RULES:
        expected = f"{', '.join(METRICS)} and {', '.join(VAL_RULES)}"
        raise InputError(f"metric={metric!r}, val_rule={val_rule!r}: expected {expected}")
    compared = finite_pairs(features, pairs)
    fold = compared.pairs.fold
    if folds is not None:
        fold = contiguous_folds(len(compared.pairs), folds)
    parts = np.unique(fold)
    if len(parts) < 2:
        raise InputError(f"found {len(parts)} parts of pairs, expected at least 2")
    same = compared.pairs.same
    grid, fine = np.arange(0, 4, 0.01), np.arange(0, 4, 0.001)
    compared = compared._replace(left=unit(compared.left), right=unit(compared.right))
    distances = None if subtract_mean else _distances(compared, metric, np.zeros(1))
    found = {name: np.zeros(len(parts)) for name in ("acc", "thr", "val", "far")}
    tpr, fpr = np.zeros((len(parts), len(grid))), np.zeros((len(parts), len(grid)))
    for k, part in enumerate(parts):
        test = fold == part
        away = distances
        if away is None:
            away = _distances(compared, metric, _mean(compared, ~test))
        genuine, impostor = _nearer(away[~test], same[~test], grid)
        best = int(np.argmax(genuine + (~same[~test]).sum() - impostor))
        genuine, impostor = _nearer(away[test], same[test], grid)
        total = same[test].sum(), (~same[test]).sum()
        tpr[k], fpr[k] = (n / max(1, of) for n, of in zip((genuine, impostor), total, strict=True))
        found["acc"][k] = (genuine[best] + total[1] - impostor[best]) / test.sum()
        found["thr"][k] = grid[best]
        found["val"][k], found["far"][k] = np.nan, np.nan
        others = (~same[~test]).sum()
        if not others:
            continue
        _, impostor = _nearer(away[~test], same[~test], fine)
        threshold = val_threshold(impostor / others, fine, far_target, val_rule)
        counts = _nearer(away[test], same[test], np.array([threshold]))
        for name, count, of in zip(("val", "far"), counts, total, strict=True):
            if of:
                found[name][k] = count[0] / of
    return TenFold(
        found["acc"], found["thr"], len(same), compared.not_finite, found["val"], found["far"],
        float(far_target), val_rule, grid, tpr.mean(0), fpr.mean(0), metric, subtract_mean,
    )  # fmt: skip


def _distances(compared: Compared, metric: str, mean: Float64) -> Float64:
    # The rows are not scaled again after the mean is gone: facenet does not either.
    left, right = compared.left - mean, compared.right - mean
    return squared_distances(left, right) if metric == "squared" else angles(left, right)


def _mean(compared: Compared, train: NDArray[np.bool_]) -> Float64:
    found: Float64 = np.concatenate([compared.left[train], compared.right[train]]).mean(0)
    return found


def _nearer(
    distances: Float64, same: NDArray[np.bool_], thresholds: Float64
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the genuine and the impostor pairs whose distance is below each threshold."""
    counts = [np.searchsorted(np.sort(distances[of]), thresholds, "left") for of in (same, ~same)]
    return counts[0].astype(np.int64), counts[1].astype(np.int64)
