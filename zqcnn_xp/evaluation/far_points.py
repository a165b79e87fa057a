"""Operating points at false accept rates, and the set they were found on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.bootstrap import accepted_count
from zqcnn_xp.evaluation.top_impostors import Top

__all__ = ["FARS", "ZQCNN_FARS", "FarPoint", "TarFar", "checked_rates", "rank_of"]

FARS = (1e-8, 1e-7, 1e-6, 1e-5)
"""The rates of ZQCNN's published tables."""
ZQCNN_FARS = (*(float(f"{step}e-{n}") for n in range(8, 3, -1) for step in (1, 2, 5)), 1e-3)
"""The rates that ZQCNN's own evaluation prints."""


@dataclass(frozen=True)
class FarPoint:
    """The operating point at one false accept rate.

    Parameters
    ----------
    far
        The rate asked for.
    rank
        Impostors that it accepts: ``floor(far * impostors + 0.5)``.
    threshold
        Score of the impostor of that rank; a pair is accepted if its score is not less. None where
        the rank is 0: the set is too small for the rate. With ``compat="zqcnn"`` the next score
        below it.
    tar
        Share of the genuine pairs that are accepted, or None.
    impostors_accepted, genuine_accepted
        Pairs that reach the threshold. Of impostors it may be more than ``rank``, where several
        have the same score.
    far_interval
        95 % Poisson (Garwood) interval of the false accept rate at the threshold.
    tar_interval, threshold_interval
        95 % percentile intervals over people, from the bootstrap, else None. An end may be None:
        the draws do not tell.
    outside
        Draws whose threshold is not among the impostors that were kept.
    """

    far: float
    rank: int
    threshold: float | None
    tar: float | None
    impostors_accepted: int
    genuine_accepted: int
    far_interval: tuple[float, float] | None = None
    tar_interval: tuple[float | None, float | None] | None = None
    threshold_interval: tuple[float | None, float | None] | None = None
    outside: int = 0


@dataclass(frozen=True)
class TarFar:
    """Operating points, and what they were found on.

    Parameters
    ----------
    points
        One for each rate, in the order asked for.
    identities, images
        People and images, None where only scores are known.
    genuine, impostors
        Pairs.
    dropped
        Rows without a direction that were left out.
    curve
        (k, 3) false accept rate, true accept rate and threshold, from the least rate on, evenly in
        the logarithm.
    replicates
        Draws of the bootstrap, 0 without.
    highest
        The impostor pairs of the highest scores, 100 at most, with the rows of the features that
        were given; None where only scores are known.
    """

    points: tuple[FarPoint, ...]
    identities: int | None
    images: int | None
    genuine: int
    impostors: int
    dropped: tuple[int, ...]
    curve: NDArray[np.float64]
    replicates: int
    highest: Top | None = None


def rank_of(far: float, impostors: int, compat: str | None = None) -> int:
    """Return how many impostors a rate accepts.

    Examples
    --------
    >>> rank_of(1e-8, 4_999_000_000), rank_of(1e-6, 4_999_000_000)
    (50, 4999)
    >>> rank_of(1e-6, 4_999_000_000, "zqcnn")
    5000
    """
    if compat == "zqcnn":
        return min(int(far * impostors) + 1, impostors)
    return accepted_count(far, impostors)


def checked_rates(fars: Sequence[float]) -> list[float]:
    """Return false accept rates as floats.

    Raises
    ------
    InputError
        If there are none, or one is not between 0 and 1.

    Examples
    --------
    >>> checked_rates([1e-5])
    [1e-05]
    """
    rates = [float(far) for far in fars]
    wrong = [far for far in rates if not 0 < far < 1]
    if wrong or not rates:
        found = f"FAR {wrong[0]:g}" if wrong else "no FAR"
        raise InputError(f"found {found}, expected rates between 0 and 1")
    return rates
