"""What a scan or search is given, checked, and how its work is divided."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.threads import thread_count

__all__ = ["block_rows", "checked_queries", "workers"]

# Scores of a piece of work, and values of the features that are decoded for it.
_SCORES, _VALUES = 1 << 22, 1 << 22


class Parallel(Protocol):
    """What threads call: a scanner, or a strip."""

    @property
    def parallel(self) -> bool:
        """Whether several threads may call it at once, and gain by it."""


def workers(backend: Backend, scanner: Parallel, threads: int | None) -> int:
    """Return how many threads call a scanner."""
    if not scanner.parallel:
        return 1
    return thread_count(threads) if threads is not None else backend.threads or thread_count()


def block_rows(queries: int, dim: int, block: int | None) -> int:
    """Return how many rows a piece of work has, ``block`` if given.

    Raises
    ------
    InputError
        If ``block`` is less than 1.

    Examples
    --------
    >>> block_rows(1, 128, None), block_rows(1024, 128, None)
    (32768, 4096)
    """
    if block is None:
        return max(min(_SCORES // max(queries, 1), _VALUES // max(dim, 1)), 256)
    if block < 1:
        msg = f"found blocks of {block} rows, expected 1 or more"
        raise InputError(msg)
    return block


def checked_queries(queries: ArrayLike, dim: int) -> NDArray[np.float32]:
    """Return queries as (q, d) float32.

    Raises
    ------
    InputError
        If they are not finite, or not of this dimension.

    Examples
    --------
    >>> checked_queries([1.0, 2.0], 2).shape
    (1, 2)
    """
    try:
        # What float32 has no room for becomes infinite, and is refused below.
        with np.errstate(over="ignore"):
            found: NDArray[Any] = np.asarray(queries, np.float32)
    except (TypeError, ValueError) as error:
        msg = f"found queries that are no numbers ({error}), expected (q, {dim})"
        raise InputError(msg) from error
    if found.ndim == 1:
        found = found[None]
    if found.ndim != 2 or found.shape[1] != dim:
        msg = f"found queries of shape {found.shape}, expected (q, {dim}) as the rows have"
        raise InputError(msg)
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found).all(axis=1)))
        msg = f"found a value that is no finite number in query {row}"
        raise InputError(msg)
    return found
