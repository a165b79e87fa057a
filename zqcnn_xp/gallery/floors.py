"""The least score that a scan's consumer wants, which may rise while the scan runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError

__all__ = ["Floor"]


class Floor:
    """The least score that is wanted. It may be raised while a scan runs.

    Parameters
    ----------
    value
        One for all queries, or (q,). Rounded up to float32: a score of float32 reaches this one
        if, and only if, it reaches the other.

    Raises
    ------
    InputError
        If a value is no number (NaN), or there are more than one dimension.

    Examples
    --------
    >>> floor = Floor(0.5)
    >>> floor.raise_to([0.4, 0.6])
    >>> floor.value
    array([0.5, 0.6], dtype=float32)
    """

    def __init__(self, value: ArrayLike = -np.inf) -> None:
        self.value = _rounded_up(value)

    def raise_to(self, value: ArrayLike) -> None:
        """Take the larger of the floor and ``value``, one or (q,), for blocks to come."""
        self.value = np.maximum(self.value, _rounded_up(value))

    def of(self, queries: int) -> NDArray[np.float32]:
        """Return (queries,) floors as they are now.

        Raises
        ------
        InputError
            If there are floors for another number of queries.
        """
        value = self.value
        if value.shape not in ((), (queries,)):
            msg = f"found floors for {len(value)} queries, expected one, or {queries}"
            raise InputError(msg)
        return np.array(np.broadcast_to(value, (queries,)), np.float32)


def _rounded_up(value: ArrayLike) -> NDArray[np.float32]:
    exact = np.asarray(value, np.float64)
    if exact.ndim > 1 or np.isnan(exact).any():
        msg = "found a floor that is no number or (q,) numbers, expected no NaN"
        raise InputError(msg)
    with np.errstate(over="ignore"):
        found: NDArray[np.float32] = exact.astype(np.float32)
    short = found < exact
    return np.where(short, np.nextafter(found, np.float32(np.inf)), found)
