"""How far a rate can be from what a few counted events say."""

from __future__ import annotations

from zqcnn_xp.errors import InputError
from zqcnn_xp.extras import needed

__all__ = ["poisson_interval", "rate_interval"]


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact (Garwood) interval of the mean of a Poisson count.

    Parameters
    ----------
    count
        Events seen, 0 or more.
    confidence
        How often the interval holds the mean, at least.

    Returns
    -------
    low, high
        Half the quantiles of chi-squared with ``2 * count`` and ``2 * count + 2`` degrees of
        freedom, by way of the incomplete gamma function.

    Raises
    ------
    InputError
        If the count is negative, or the confidence not between 0 and 1.
    PackageMissing
        If scipy is not installed.

    Examples
    --------
    >>> [round(float(end) / 50, 2) for end in poisson_interval(50)]
    [0.74, 1.32]
    """
    if count < 0 or not 0 < confidence < 1:
        raise InputError(f"found count {count} and confidence {confidence}")
    special = needed("scipy.special", extra="eval", purpose="an interval of a rate")
    tail = (1 - confidence) / 2
    low = float(special.gammaincinv(count, tail)) if count else 0.0
    return low, float(special.gammainccinv(count + 1, tail))


def rate_interval(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Poisson interval of a rate: that of a count, as a share of ``total``.

    Raises
    ------
    InputError
        If the count is negative or above the total, or the confidence not between 0 and 1.
    PackageMissing
        If scipy is not installed.

    Examples
    --------
    >>> [round(end, 4) for end in rate_interval(50, 1000)]
    [0.0371, 0.0659]
    >>> rate_interval(3, 4)[1]
    1.0
    """
    if count > total or total < 1:
        raise InputError(f"found count {count} of {total}")
    low, high = poisson_interval(count, confidence)
    # Of a small set the end of the count can be more than there is: no rate is above 1.
    return low / total, min(high / total, 1.0)
