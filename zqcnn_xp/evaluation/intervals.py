"""How far a share that was counted may be from the true one: intervals of binomial proportions."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

from zqcnn_xp.errors import InputError
from zqcnn_xp.extras import needed

__all__ = ["Interval", "clopper_pearson", "wilson"]


class Interval(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


def _check(count: int, total: int, confidence: float) -> None:
    if not 0 <= count <= total or not total:
        raise InputError(f"found {count} of {total}, expected a part of at least 1")
    if not 0 < confidence < 1:
        raise InputError(f"confidence={confidence}: expected a number between 0 and 1")


def wilson(count: int, total: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion.

    It holds well for few counts and near 0 and 1, where the usual plus and minus does not. (E. B.
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.)

    Parameters
    ----------
    count, total
        So many of so many.
    confidence
        Share of the intervals that hold the true proportion.

    Examples
    --------
    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    _check(count, total, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / total
    middle = share + z * z / (2 * total)
    spread = z * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    scale = 1 + z * z / total
    # The formula gives these exactly; rounding would put them a bit beyond.
    low = 0.0 if count == 0 else (middle - spread) / scale
    high = 1.0 if count == total else (middle + spread) / scale
    return Interval(low, high)


def clopper_pearson(count: int, total: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of a proportion, which is never too narrow.

    Its ends are quantiles of beta distributions. (C. Clopper and E. S. Pearson, "The use of
    confidence or fiducial limits illustrated in the case of the binomial", 1934.)

    Parameters
    ----------
    count, total, confidence
        As in `wilson`.

    Raises
    ------
    PackageMissing
        If scipy is not installed.

    Examples
    --------
    >>> low, high = clopper_pearson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4439, 0.9748)
    """
    _check(count, total, confidence)
    special = needed("scipy.special", extra="eval", purpose="an exact interval")
    half = (1 - confidence) / 2
    inverse = special.betaincinv
    low = 0.0 if count == 0 else float(inverse(count, total - count + 1, half))
    high = 1.0 if count == total else float(inverse(count + 1, total - count, 1 - half))
    return Interval(low, high)
