"""LFW as LightCNN's authors evaluate it: one ROC curve over all pairs, accuracy as 100 - EER.

Formulas: ``evaluation.m`` of face_verification_experiment, ``vl_roc`` and ``vl_pr`` of VLFeat. They
take one step for each *score*, in the order of a stable sort with the genuine pairs first, so equal
scores are ordered in favour of the network; `zqcnn_xp.evaluation.roc` does not do that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.features import cosines, finite_pairs
from zqcnn_xp.evaluation.mat_file import load_mat
from zqcnn_xp.evaluation.pair_set import PairSet, contiguous_folds
from zqcnn_xp.formats.source import ModelSource

__all__ = ["LightCNN", "lightcnn", "lightcnn_scores", "read_mat_pairs"]

_FEWEST_FOR_THOUSANDTH = 3000


@dataclass(frozen=True)
class LightCNN:
    """What the protocol reports, as shares of 1.

    Parameters
    ----------
    eer
        Equal error rate; 1 - ``eer`` is what is published as accuracy.
    auc, pr_auc
        Areas under the ROC and the precision-recall curve.
    tpr_1, tpr_01, tpr_0
        TPR at FAR 1 %, 0.1 % and 0; the second is None below 3,000 impostor pairs.
    pairs, not_finite
        Pairs that were judged, and those left out.
    """

    eer: float
    auc: float
    pr_auc: float
    tpr_1: float
    tpr_01: float | None
    tpr_0: float
    pairs: int
    not_finite: int

    @property
    def accuracy(self) -> float:
        """1 - EER."""
        return 1 - self.eer

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "accuracy": self.accuracy,
            "eer": self.eer,
            "auc": self.auc,
            "pr_auc": self.pr_auc,
            "tpr_at_far_0.01": self.tpr_1,
            "tpr_at_far_0.001": self.tpr_01,
            "tpr_at_far_0": self.tpr_0,
            "pairs": self.pairs,
            "not_finite": self.not_finite,
        }


def lightcnn(features: ArrayLike, pairs: PairSet) -> LightCNN:
    """Evaluate pairs by the cosine of their features.

    Parameters
    ----------
    features
        (m, d), a row for each of ``pairs.names``, of any length.
    pairs
        Which rows are compared; their parts do not matter here.

    Raises
    ------
    InputError
        Features that do not fit, no pair of one person or none of two.

    Examples
    --------
    >>> from zqcnn_xp.evaluation.pair_set import pairs_of_rows
    >>> rows = [[1, 0], [1, 0.1], [1, 0], [0, 1]] * 2
    >>> lightcnn(rows, pairs_of_rows([True, False] * 2)).accuracy
    1.0
    """
    compared = finite_pairs(features, pairs)
    scores = cosines(compared.left, compared.right)
    same = compared.pairs.same
    return lightcnn_scores(scores[same], scores[~same], not_finite=compared.not_finite)


def lightcnn_scores(genuine: ArrayLike, impostor: ArrayLike, *, not_finite: int = 0) -> LightCNN:
    """Evaluate finite scores, of which higher ones mean the same person."""
    one, other = np.asarray(genuine, np.float64), np.asarray(impostor, np.float64)
    if not one.size or not other.size:
        raise InputError(f"found {one.size} genuine and {other.size} impostor pairs, expected both")
    order = np.argsort(-np.concatenate([one, other]), kind="stable")
    positive = order < one.size
    accepted = np.concatenate([[0], np.cumsum(positive)])
    wrong = np.concatenate([[0], np.cumsum(~positive)])
    tpr, fpr = accepted / one.size, wrong / other.size
    precision = np.maximum(accepted, 1e-10) / np.maximum(accepted + wrong, 1e-10)
    return LightCNN(
        eer=_eer(tpr, 1 - fpr),
        auc=_area(tpr, fpr),
        pr_auc=_area(precision, tpr),
        tpr_1=_tpr(tpr, 1 - fpr, 0.01),
        tpr_01=_tpr(tpr, 1 - fpr, 0.001) if other.size >= _FEWEST_FOR_THOUSANDTH else None,
        tpr_0=_tpr(tpr, 1 - fpr, 0.0),
        pairs=one.size + other.size,
        not_finite=not_finite,
    )


def _area(y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2)


def _eer(tpr: NDArray[np.float64], tnr: NDArray[np.float64]) -> float:
    at = int(np.flatnonzero(tnr > tpr).max())  # the first step has 1 and 0
    return float(1 - tpr[at] if tpr[at] == tpr[at + 1] else 1 - tnr[at])


def _tpr(tpr: NDArray[np.float64], tnr: NDArray[np.float64], far: float) -> float:
    return float(tpr[np.flatnonzero(tnr >= 1 - far).max()])


def read_mat_pairs(source: ModelSource, images: int = 13233) -> PairSet:
    """Read the pairs of LightCNN's ``lfw_pairs.mat``.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes.
    images
        Number of rows of the features that the indices are for: all images of LFW.

    Returns
    -------
    PairSet
        Names are the row numbers, from ``"0"``; the genuine pairs come first.

    Raises
    ------
    DatasetError
        What is no such file, or has indices below 1 or above ``images``.
    """
    found = load_mat(source, ("pos_pair", "neg_pair"))
    parts = []
    for name, array in found.items():
        if array.ndim != 2 or array.shape[0] != 2 or array.dtype.kind not in "uif":
            shape = f"{name} of shape {array.shape} and dtype {array.dtype}"
            raise DatasetError("pairs", name, shape, "2 x n indices")
        wrong = ~((array >= 1) & (array <= images)) | (array != np.floor(array))
        if wrong.any():
            raise DatasetError(
                "pairs", name, f"the index {array[wrong][0]}", f"integers of 1 to {images}"
            )
        parts.append(array.astype(np.int64) - 1)
    rows = np.concatenate(parts, 1)
    same = np.arange(rows.shape[1]) < parts[0].shape[1]
    if not len(same):
        raise DatasetError("pairs", "", "no pairs", "some")
    fold = contiguous_folds(len(same), min(10, len(same)))
    return PairSet("pairs", tuple(map(str, range(images))), rows[0], rows[1], same, fold)
