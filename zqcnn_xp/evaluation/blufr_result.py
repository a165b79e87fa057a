"""What BLUFR reports: rates of all trials at its points, and their summary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["OPEN_SET_FARS", "RANKS", "VERIFICATION_FARS", "Blufr", "LeftOut", "reported"]


def _rates(least: int) -> NDArray[np.float64]:
    """Return 0, then 1 to 9 times each power of ten from ``10**least`` to 0.1, then 1."""
    powers = 10.0 ** np.arange(least, 0)
    return np.concatenate([[0.0], np.kron(powers, np.arange(1, 10)), [1.0]])


VERIFICATION_FARS = _rates(-8)
"""False accept rates of the verification, 74."""
OPEN_SET_FARS = _rates(-4)
"""False accept rates of the identification, 38."""
RANKS = np.array([*range(1, 11), *range(20, 101, 10)])
"""Ranks of the identification, 19."""


@dataclass(frozen=True)
class LeftOut:
    """What a trial lost to images without features: numbers of images.

    Parameters
    ----------
    test, gallery, probes
        Missing themselves.
    unknown
        Probes that are there, but whose gallery images are all missing. They are left out, since
        they would pass for impostors otherwise.
    """

    test: int
    gallery: int
    probes: int
    unknown: int


@dataclass(frozen=True)
class Blufr:
    """Rates of all trials; t trials, k or f rates, r ranks.

    Parameters
    ----------
    verification
        (t, 74) verification rates at `VERIFICATION_FARS`.
    verification_thresholds
        (t, 74) cosines.
    identification
        (t, 19, 38) detection and identification rates at `RANKS` and `OPEN_SET_FARS`.
    identification_thresholds
        (t, 38) cosines.
    pairs
        (t, 2) numbers of genuine and impostor pairs.
    probes
        (t, 2) numbers of genuine and impostor probes.
    missing
        Names of the images without features.
    left_out
        For each trial, what it lost to them.
    """

    verification: NDArray[np.float64]
    verification_thresholds: NDArray[np.float64]
    identification: NDArray[np.float64]
    identification_thresholds: NDArray[np.float64]
    pairs: NDArray[np.int64]
    probes: NDArray[np.int64]
    missing: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def verification_at(self, far: float = 1e-3) -> NDArray[np.float64]:
        """Return (t,) the verification rate of each trial at one of `VERIFICATION_FARS`."""
        return self.verification[:, _place(VERIFICATION_FARS, far)]

    def identification_at(self, far: float = 1e-2, rank: int = 1) -> NDArray[np.float64]:
        """Return (t,) the rate of each trial at one of `OPEN_SET_FARS` and one of `RANKS`."""
        if rank not in RANKS:
            raise InputError(f"found rank {rank}, expected one of {', '.join(map(str, RANKS))}")
        row = int(np.flatnonzero(rank == RANKS)[0])
        return self.identification[:, row, _place(OPEN_SET_FARS, far)]


def reported(rates: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean - deviation, mean, and deviation over trials, with n - 1 as MATLAB's ``std``.

    Examples
    --------
    >>> reported(np.array([0.5, 0.75, 1.0]))
    (0.5, 0.75, 0.25)
    """
    mean = float(rates.mean())
    spread = float(rates.std(ddof=1)) if rates.size > 1 else 0.0
    return mean - spread, mean, spread


def _place(fars: NDArray[np.float64], far: float) -> int:
    found = np.flatnonzero(np.isclose(fars, far, rtol=1e-9, atol=0))
    if not found.size:
        raise InputError(f"found FAR {far}, expected one of the benchmark's, such as {fars[1]:g}")
    return int(found[0])
