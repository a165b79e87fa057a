"""What protocols in parts have in common: an accuracy and a threshold of each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PartAccuracies"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class PartAccuracies:
    """One accuracy and one threshold a part.

    Parameters
    ----------
    accuracies, thresholds
        (parts,) float64: the share of a part's pairs that were judged right, and with which
        threshold.
    pairs, not_finite
        Pairs that were judged, and those left out for features that are no finite numbers.

    Examples
    --------
    >>> PartAccuracies(np.array([0.5, 1.0]), np.array([0.1, 0.2]), 4, 0).accuracy
    0.75
    """

    accuracies: Float64
    thresholds: Float64
    pairs: int
    not_finite: int

    @property
    def accuracy(self) -> float:
        """Mean over the parts."""
        return float(self.accuracies.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation over the parts, divided by their number (``ddof=0``), as all do."""
        return float(self.accuracies.std())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "accuracy": self.accuracy,
            "std": self.deviation,
            "accuracies": self.accuracies.tolist(),
            "thresholds": self.thresholds.tolist(),
            "pairs": self.pairs,
            "not_finite": self.not_finite,
        }
