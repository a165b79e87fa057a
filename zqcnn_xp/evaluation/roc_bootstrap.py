"""How far figures of a ROC curve may be from those of other pairs: intervals by drawing pairs anew.

Genuine and impostor pairs are drawn with repeats, as many of each as there are. That takes pairs
for independent, which pairs that share a person are not: the intervals are too narrow rather than
too wide. For sets of identities there are draws of people: `zqcnn_xp.evaluation.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.intervals import Interval
from zqcnn_xp.evaluation.roc import Roc

__all__ = ["draws", "roc_intervals"]


def draws(roc: Roc, count: int, seed: int = 0) -> Iterator[Roc]:
    """Yield curves of pairs drawn with repeats.

    Parameters
    ----------
    roc
        The curve of the pairs there are. Its steps are all that is needed: how often a step's pairs
        are drawn is multinomial.
    count
        How many curves.
    seed
        Of the random numbers: the same seed gives the same curves.

    Examples
    --------
    >>> roc = Roc.of([0.9, 0.8, 0.4], [0.5, 0.4, 0.1, 0.0])
    >>> [drawn.genuine for drawn in draws(roc, 2)]
    [3, 3]
    """
    if count < 1:
        raise InputError(f"count={count}: expected at least 1 draw")
    rng = np.random.default_rng(seed)
    genuine = np.diff(roc.accepted_genuine, prepend=0)
    impostor = np.diff(roc.accepted_impostor, prepend=0)
    for _ in range(count):
        yield Roc(roc.thresholds, _drawn(rng, genuine), _drawn(rng, impostor), roc.not_finite)


def _drawn(rng: np.random.Generator, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    total = int(steps.sum())
    return np.cumsum(rng.multinomial(total, steps / total)).astype(np.int64)


def roc_intervals(
    roc: Roc,
    figures: Sequence[Callable[[Roc], float]],
    *,
    count: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """Return percentile intervals of figures that are computed from a curve.

    Parameters
    ----------
    roc
        The curve.
    figures
        Functions of a curve, such as ``lambda roc: roc.tpr_at_far(1e-3).tpr``. In each draw the
        threshold is found anew, so that its uncertainty is in the interval.
    count, seed
        As in `draws`.
    confidence
        Share of the draws within.

    Returns
    -------
    list of Interval
        One for each figure.

    Examples
    --------
    >>> roc = Roc.of(np.arange(50) + 25, np.arange(50))
    >>> (low, high), = roc_intervals(roc, [lambda drawn: drawn.auc], count=200)
    >>> 0.75 < low < roc.auc < high < 0.95
    True
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence={confidence}: expected a number between 0 and 1")
    values = np.array([[figure(drawn) for figure in figures] for drawn in draws(roc, count, seed)])
    half = (1 - confidence) / 2
    ends = np.quantile(values, [half, 1 - half], axis=0)
    return [Interval(float(low), float(high)) for low, high in ends.T]
