"""The ROC curve of genuine and impostor scores, exact where scores are equal.

A threshold accepts the pairs whose score reaches it. Only the distinct scores matter as thresholds,
so the curve has one step for each, and what lies between two steps belongs to no threshold.
FAR is the share of impostor pairs accepted, TPR (or TAR, VR) that of genuine pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import floor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.intervals import Interval, wilson

__all__ = ["Point", "Roc"]

RULES = ("conservative", "kth-impostor", "nearest", "interpolated")


@dataclass(frozen=True)
class Point:
    """One working point: where accepting starts, and what that gives.

    Parameters
    ----------
    target
        The FAR that was asked for.
    threshold
        Scores of at least this are accepted.
    far, tpr
        What is accepted of the impostor and of the genuine pairs.
    interval
        Wilson's 95 % interval of ``tpr``, for the genuine pairs' number alone.
    """

    target: float
    threshold: float
    far: float
    tpr: float
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; no threshold is ``null``."""
        found = asdict(self) | {"interval": list(self.interval)}
        if not np.isfinite(self.threshold):
            found["threshold"] = None
        return found


@dataclass(frozen=True)
class Roc:
    """The steps of a ROC curve.

    Parameters
    ----------
    thresholds
        (k,) float64, descending; the first is infinity, which accepts nothing.
    accepted_genuine, accepted_impostor
        (k,) int64, pairs whose score is at least the threshold.
    not_finite
        Scores that were NaN or infinite, which are left out.

    Examples
    --------
    >>> roc = Roc.of([0.9, 0.8, 0.4], [0.5, 0.4, 0.1, 0.0])
    >>> roc.tpr_at_far(0.25)
    Point(target=0.25, threshold=0.5, far=0.25, tpr=0.6666666666666666, interval=...)
    >>> round(roc.auc, 4)
    0.875
    """

    thresholds: NDArray[np.float64]
    accepted_genuine: NDArray[np.int64]
    accepted_impostor: NDArray[np.int64]
    not_finite: int = 0

    @classmethod
    def of(cls, genuine: ArrayLike, impostor: ArrayLike) -> Roc:
        """Return the curve of two sets of scores, of which higher ones mean the same person.

        Parameters
        ----------
        genuine, impostor
            (n,) and (m,) numbers. NaN and infinity are left out and counted.

        Raises
        ------
        InputError
            If one of them has no finite score.
        """
        one, other = (np.asarray(scores, np.float64).ravel() for scores in (genuine, impostor))
        kept = [scores[np.isfinite(scores)] for scores in (one, other)]
        if not kept[0].size or not kept[1].size:
            found = f"{kept[0].size} genuine and {kept[1].size} impostor scores"
            raise InputError(f"found {found} that are finite, expected at least one each")
        steps = np.unique(np.concatenate(kept))[::-1]
        counts = [len(scores) - np.searchsorted(np.sort(scores), steps, "left") for scores in kept]
        accepted = [np.concatenate([[0], count]).astype(np.int64) for count in counts]
        left_out = one.size + other.size - kept[0].size - kept[1].size
        return cls(np.concatenate([[np.inf], steps]), accepted[0], accepted[1], left_out)

    @property
    def genuine(self) -> int:
        """Number of genuine pairs."""
        return int(self.accepted_genuine[-1])

    @property
    def impostor(self) -> int:
        """Number of impostor pairs."""
        return int(self.accepted_impostor[-1])

    @property
    def tpr(self) -> NDArray[np.float64]:
        """(k,), share of the genuine pairs accepted, ascending."""
        return self.accepted_genuine / self.genuine

    @property
    def far(self) -> NDArray[np.float64]:
        """(k,), share of the impostor pairs accepted, ascending."""
        return self.accepted_impostor / self.impostor

    @property
    def auc(self) -> float:
        """Area under the curve by trapezoids: equal scores count half (Mann and Whitney's U)."""
        a, b = self.accepted_genuine, self.accepted_impostor
        # Whole numbers, so that millions of steps do not round.
        return int(np.dot(a[1:] + a[:-1], np.diff(b))) / (2 * self.genuine * self.impostor)

    def eer(self, rule: str = "interpolated") -> float:
        """Return the rate at which as many impostors are accepted as genuine pairs are refused.

        Parameters
        ----------
        rule
            ``"interpolated"``: where the straight lines between the steps cross 1 - TPR = FAR, as
            facenet's root finder does. ``"step"``: LightCNN's rule on the steps: at the last one
            with 1 - FAR > TPR, 1 - TPR if the next has the same TPR, else FAR.
        """
        tpr, far = self.tpr, self.far
        if rule == "step":
            at = int(np.flatnonzero(1 - far > tpr).max(initial=0))
            return float(1 - tpr[at] if tpr[at] == tpr[at + 1] else far[at])
        if rule != "interpolated":
            raise InputError(f"rule={rule!r}: expected interpolated or step")
        excess = far - (1 - tpr)  # -1 at the first step, 1 at the last, never falling
        after = int(np.argmax(excess >= 0))
        share = excess[after - 1] / (excess[after - 1] - excess[after])
        return float(far[after - 1] + share * (far[after] - far[after - 1]))

    def tpr_at_far(self, target: float, rule: str = "conservative") -> Point:
        """Return the working point for a false accept rate.

        Parameters
        ----------
        target
            FAR, 0 to 1.
        rule
            ``"conservative"``: the lowest threshold whose FAR is at most the target.
            ``"kth-impostor"``: the score of the k-th highest impostor, k = FAR * impostors rounded
            half up, as BLUFR and ZQCNN do; genuine scores between that one and the next impostor's
            do not count then. Without an impostor to accept it is the conservative one.
            ``"nearest"``: the step whose FAR is nearest, above or below, as the scripts for IJB do
            with scikit-learn's curve (which keeps only the corners). ``"interpolated"``: on the
            straight line between the conservative step and the next one with a higher FAR; no
            threshold gives both values.
        """
        if rule not in RULES or not 0 <= target <= 1:
            raise InputError(f"target={target}, rule={rule!r}: expected 0 to 1, {', '.join(RULES)}")
        far, tpr = self.far, self.tpr
        if rule == "nearest":
            corners = self._corners()
            # Of equal ones the last: the highest TPR.
            at = int(corners[::-1][np.argmin(np.abs(far[corners[::-1]] - target))])
        elif rule == "kth-impostor" and (k := floor(target * self.impostor + 0.5)) > 0:
            at = int(np.searchsorted(self.accepted_impostor, k, "left"))
        else:
            at = int(np.searchsorted(far, target, "right")) - 1
        value, rate, threshold = float(tpr[at]), float(far[at]), float(self.thresholds[at])
        if rule == "interpolated" and at + 1 < len(far):
            share = (target - rate) / (far[at + 1] - rate)
            value += float(share * (tpr[at + 1] - tpr[at]))
            if at:
                threshold += float(share * (self.thresholds[at + 1] - threshold))
            rate = target
        interval = wilson(int(self.accepted_genuine[at]), self.genuine)
        return Point(float(target), threshold, rate, value, interval)

    def _corners(self) -> NDArray[np.int64]:
        """Return the steps between which the curve does not go on straight, as scikit-learn does.

        Its curve begins with the first score's step, to which it prepends that of no acceptance.
        """
        a, b = self.accepted_genuine[1:], self.accepted_impostor[1:]
        turns = (np.diff(a, 2) != 0) | (np.diff(b, 2) != 0)
        keep = np.concatenate([[True], turns, [True]]) if len(a) > 1 else np.array([True])
        return np.concatenate([[0], 1 + np.flatnonzero(keep)])
