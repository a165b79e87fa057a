"""Pairs judged by all protocols at once: what is computed, printed and written as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import cosines, finite_pairs, flip_rule
from zqcnn_xp.evaluation.intervals import Interval
from zqcnn_xp.evaluation.lightcnn import LightCNN, lightcnn
from zqcnn_xp.evaluation.open_model_zoo import PairwiseAccuracy, pairwise_accuracy
from zqcnn_xp.evaluation.pair_set import PairSet
from zqcnn_xp.evaluation.roc import Roc
from zqcnn_xp.evaluation.roc_bootstrap import roc_intervals
from zqcnn_xp.evaluation.ten_fold import TenFold, ten_fold
from zqcnn_xp.evaluation.val_far import VAL_RULES
from zqcnn_xp.evaluation.zqcnn_lfw import ZqcnnLfw, zqcnn_lfw

__all__ = ["FARS", "PROTOCOLS", "PairReport", "evaluate_pairs"]

PROTOCOLS = ("ten-fold", "omz", "lightcnn", "zqcnn")
FARS = (1e-2, 1e-3, 0.0)


@dataclass(frozen=True)
class PairReport:
    """One set of pairs, judged with one flip rule.

    Parameters
    ----------
    name
        The set.
    flip
        What was done with the features of mirrored images.
    pairs
        The pairs, with what is missing.
    protocols
        Results by the names of `PROTOCOLS`; those that the set does not allow are in ``refused``.
    refused
        Why a protocol has no result.
    roc
        The curve of the cosines of all pairs; None where only one kind of pairs is there.
    fars
        False accept rates to report on it.
    drawn
        95 % intervals of the curve's figures by drawing pairs anew, where that was asked for.
    not_finite
        Pairs that were left out, since a feature of theirs holds NaN or infinity.
    zeros
        Images whose features are zeros: judged all the same, with a cosine of 0 to all others.
    xnorm
        Mean length of the features before they are scaled, over both images of all pairs and over
        the mirrored images where those were given: what insightface's logs call XNorm.
    """

    name: str
    flip: str
    pairs: PairSet
    protocols: Mapping[str, TenFold | PairwiseAccuracy | LightCNN | ZqcnnLfw]
    refused: Mapping[str, str]
    roc: Roc | None
    fars: Sequence[float] = FARS
    drawn: Mapping[str, Interval] | None = None
    not_finite: int = 0
    zeros: int = 0
    xnorm: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        roc: dict[str, Any] | None = None
        if self.roc is not None:
            roc = {
                "auc": self.roc.auc,
                "eer": self.roc.eer(),
                "genuine": self.roc.genuine,
                "impostor": self.roc.impostor,
                "not_finite": self.roc.not_finite,
            }
            for rule in ("conservative", "kth-impostor"):
                roc[rule] = [self.roc.tpr_at_far(far, rule).to_dict() for far in self.fars]
            if self.drawn is not None:
                roc["drawn"] = {name: list(ends) for name, ends in self.drawn.items()}
        return {
            "flip": self.flip,
            "xnorm": self.xnorm,
            "not_finite": self.not_finite,
            "zeros": self.zeros,
            "protocols": {name: found.to_dict() for name, found in self.protocols.items()},
            "refused": dict(self.refused),
            "roc": roc,
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return rows for people: protocol, quantity, value."""
        found: list[tuple[str, str, str]] = []
        for name in PROTOCOLS:
            result = self.protocols.get(name)
            if result is not None:
                found += _ROWS[name](result)
            elif name in self.refused:
                found.append((_TITLES[name], "no result", self.refused[name]))
        found.append(("features", "mean length (XNorm)", f"{self.xnorm:.5f}"))
        if self.roc is None:
            return found
        found += [
            ("ROC", "area", f"{self.roc.auc:.6f}"),
            ("ROC", "equal error rate", f"{self.roc.eer():.5f}"),
        ]
        for rule in ("conservative", "kth-impostor"):
            for far in self.fars:
                point = self.roc.tpr_at_far(far, rule)
                low, high = point.interval
                value = f"{point.tpr:.5f} [{low:.5f}, {high:.5f}] from {point.threshold:.5f}"
                found.append((f"ROC, {rule}", f"TPR at FAR {far:g}", value))
        for name, (low, high) in (self.drawn or {}).items():
            found.append(("ROC, 95 % of draws", name, f"[{low:.5f}, {high:.5f}]"))
        return found


def evaluate_pairs(
    name: str,
    pairs: PairSet,
    plain: ArrayLike,
    mirrored: ArrayLike | None = None,
    *,
    flip: str = "none",
    protocols: Sequence[str] = PROTOCOLS,
    val_rule: str = "conservative",
    fars: Sequence[float] = FARS,
    omz: Mapping[str, Any] | None = None,
    draws: int = 0,
    seed: int = 0,
) -> PairReport:
    """Judge pairs by several protocols.

    Parameters
    ----------
    name
        The set, for the report.
    pairs
        Which rows are compared.
    plain, mirrored
        (m, d) features of ``pairs.names`` and of the mirrored images, not scaled.
    flip
        ``"none"``, ``"sum"`` or ``"concatenate"``. ZQCNN scales the halves before it joins them,
        and so its protocol here.
    protocols
        Names of `PROTOCOLS`.
    val_rule
        As in `zqcnn_xp.evaluation.ten_fold.ten_fold`.
    fars
        False accept rates to report on the ROC curve.
    omz
        Arguments of `zqcnn_xp.evaluation.open_model_zoo.pairwise_accuracy`.
    draws, seed
        Draw pairs anew so many times for intervals of the curve's figures; 0 makes none.

    Raises
    ------
    InputError
        Features that do not fit the pairs, a flip rule without mirrored features, an unknown name.

    Examples
    --------
    >>> from zqcnn_xp.evaluation.pair_set import pairs_of_rows
    >>> rows = [[1, 0], [1, 0.1], [1, 0], [0, 1]] * 2
    >>> report = evaluate_pairs("toy", pairs_of_rows([True, False] * 2), rows)
    >>> report.rows()[0]
    ('10-fold', 'accuracy', '1.00000 +- 0.00000')
    """
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise InputError(f"found {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
    if flip != "none" and mirrored is None:
        raise InputError(f"flip={flip!r}: expected the features of the mirrored images too")
    if val_rule not in VAL_RULES:
        raise InputError(f"val_rule={val_rule!r}: expected one of {', '.join(VAL_RULES)}")
    other = plain if mirrored is None else mirrored
    features = flip_rule(plain, other, flip)
    compared = finite_pairs(features, pairs)
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    options = {"order": "pairs"} if omz is None else dict(omz)
    for protocol in protocols:
        try:
            if protocol == "ten-fold":
                found[protocol] = ten_fold(features, pairs, val_rule=val_rule)
            elif protocol == "omz":
                found[protocol] = pairwise_accuracy(features, pairs, **options)
            elif protocol == "lightcnn":
                found[protocol] = lightcnn(features, pairs)
            else:
                rule = "concatenate-unit" if flip == "concatenate" else flip
                found[protocol] = zqcnn_lfw(flip_rule(plain, other, rule), pairs)
        except InputError as error:  # pairs of one kind only, or too few for parts
            refused[protocol] = str(error)
    same = compared.pairs.same
    roc = None
    if same.any() and not same.all():
        scores = cosines(compared.left, compared.right)
        roc = Roc.of(scores[same], scores[~same])
    drawn = None
    if roc is not None and draws:
        drawn = _intervals(roc, fars, draws, seed)
    zeros = int((~np.asarray(features).any(axis=1)).sum())
    return PairReport(
        name, flip, pairs, found, refused, roc, tuple(fars), drawn,
        compared.not_finite, zeros, _xnorm(compared.pairs, plain, mirrored),
    )  # fmt: skip


def _xnorm(pairs: PairSet, plain: ArrayLike, mirrored: ArrayLike | None) -> float:
    """Return the mean length of features, as insightface's verification prints it."""
    used = np.concatenate([pairs.left, pairs.right])
    sets = [np.asarray(plain, np.float64)]
    if mirrored is not None:
        sets.append(np.asarray(mirrored, np.float64))
    lengths = np.array([np.sqrt(np.einsum("nd,nd->n", rows, rows))[used].mean() for rows in sets])
    return float(lengths.mean())


def _intervals(roc: Roc, fars: Sequence[float], draws: int, seed: int) -> dict[str, Interval]:
    def at(far: float) -> Callable[[Roc], float]:
        return lambda drawn: drawn.tpr_at_far(far).tpr

    figures: dict[str, Callable[[Roc], float]] = {
        "area": lambda drawn: drawn.auc,
        "equal error rate": lambda drawn: drawn.eer(),
        **{f"TPR at FAR {far:g}": at(far) for far in fars},
    }
    ends = roc_intervals(roc, list(figures.values()), count=draws, seed=seed)
    return dict(zip(figures, ends, strict=True))


def _ten_fold_rows(result: TenFold) -> list[tuple[str, str, str]]:
    label = f"VAL at FAR {result.far_target:g} ({result.val_rule})"
    val, deviation, _ = result.val_summary()
    text = "-" if val is None else f"{val:.5f} +- {deviation:.5f}"
    parts = len(result.accuracies)
    if 0 < result.val_parts < parts:
        text += f", {result.val_parts} of {parts} parts"
    return [
        ("10-fold", "accuracy", f"{result.accuracy:.5f} +- {result.deviation:.5f}"),
        ("10-fold", label, text),
        ("10-fold", "threshold, squared distance", _span(result.thresholds)),
    ]


def _omz_rows(result: PairwiseAccuracy) -> list[tuple[str, str, str]]:
    label = f"accuracy ({result.threshold}, {len(result.accuracies)} parts, order {result.order})"
    return [("Open Model Zoo", label, f"{result.accuracy:.5f}")]


def _lightcnn_rows(result: LightCNN) -> list[tuple[str, str, str]]:
    rates = [("1 %", result.tpr_1), ("0.1 %", result.tpr_01), ("0", result.tpr_0)]
    return [
        ("LightCNN", "accuracy, 1 - EER", f"{result.accuracy:.5f}"),
        *(
            ("LightCNN", f"TPR at FAR {far}", "-" if rate is None else f"{rate:.5f}")
            for far, rate in rates
        ),
    ]


def _zqcnn_rows(result: ZqcnnLfw) -> list[tuple[str, str, str]]:
    return [
        ("ZQCNN", "accuracy", f"{result.accuracy:.5f} +- {result.accuracies.std():.5f}"),
        ("ZQCNN", "threshold, centred cosine", _span(result.thresholds)),
    ]


def _span(values: Any) -> str:
    return f"{values.min():.4g} to {values.max():.4g}"


_TITLES = {
    "ten-fold": "10-fold",
    "omz": "Open Model Zoo",
    "lightcnn": "LightCNN",
    "zqcnn": "ZQCNN",
}

_ROWS: dict[str, Any] = {
    "ten-fold": _ten_fold_rows,
    "omz": _omz_rows,
    "lightcnn": _lightcnn_rows,
    "zqcnn": _zqcnn_rows,
}
