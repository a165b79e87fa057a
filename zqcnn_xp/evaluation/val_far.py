"""The threshold at a false accept rate as ten-fold verification looks for it, and as logs had it.

The reference interpolates thresholds over rates linearly (``interp1d(..., kind="slinear")``). The
rates have runs of equal values there, for which that is not defined: today's scipy refuses them,
and older ones gave one end of the run or the other. So there are several answers, each of which
somebody has published.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["VAL_RULES", "val_threshold"]

VAL_RULES = ("conservative", "interpolated", "first-duplicate", "last-duplicate")


def val_threshold(
    far: NDArray[np.float64], grid: NDArray[np.float64], target: float, rule: str = "conservative"
) -> float:
    """Return the distance below which pairs are accepted.

    Parameters
    ----------
    far
        (k,) share of the impostor pairs nearer than each of ``grid``, never falling.
    grid
        (k,) distances, ascending.
    target
        The rate asked for.
    rule
        ``"conservative"``: the largest of ``grid`` whose rate is at most the target, which is what
        a false accept rate promises. ``"interpolated"``: from there on towards the next distance,
        whose rate is higher, in proportion. ``"first-duplicate"`` and ``"last-duplicate"``: linear
        interpolation over the first, or over the last, of each run of equal rates, for comparison
        with old logs; 0 where all rates are below the target, as there.

    Examples
    --------
    >>> far, grid = np.array([0, 0, 0.5, 0.5, 1]), np.array([0, 1, 2, 3, 4.0])
    >>> [val_threshold(far, grid, 0.25, rule) for rule in VAL_RULES]
    [1.0, 1.5, 1.0, 2.0]
    """
    if rule not in VAL_RULES:
        raise InputError(f"rule={rule!r}: expected one of {', '.join(VAL_RULES)}")
    at = int(np.searchsorted(far, target, "right")) - 1
    if rule in ("conservative", "interpolated"):
        if at < 0:
            return 0.0
        if rule == "conservative" or at + 1 == len(far):
            return float(grid[at])
        share = (target - far[at]) / (far[at + 1] - far[at])
        return float(grid[at] + share * (grid[at + 1] - grid[at]))
    if far[-1] < target:
        return 0.0
    rates, first, counts = np.unique(far, return_index=True, return_counts=True)
    ends = first if rule == "first-duplicate" else first + counts - 1
    return float(np.interp(target, rates, grid[ends]))
