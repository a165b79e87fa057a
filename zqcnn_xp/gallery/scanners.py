"""What finds the high scores of one block of features: native where a backend has it.

A scanner is made for some queries. Called with a block of features and a floor for each query, it
returns which scores reach their floor. The scores in between are never kept.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend

__all__ = ["ArrayScanner", "Raw", "Scanner", "TooManyHits", "find_scanner"]

Raw = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[Any]]
"""Query, row of the block, score, and how far that may be off; all (hits,)."""


class TooManyHits(Exception):  # noqa: N818 - it asks for another way, nothing is wrong
    """A scanner that was told how many vectors of scores it may keep has found more."""


class Scanner(Protocol):
    """Scores of some queries with blocks of features."""

    @property
    def parallel(self) -> bool:
        """Whether several threads may call it at once, and gain by it."""

    @property
    def bounded(self) -> bool:
        """Whether it knows how far scores may be off.

        It then returns every row whose exact score may reach the floor, and those whose scores are
        no numbers. Otherwise scores are compared as they are, and said to be off by 0.
        """

    @property
    def long(self) -> bool:
        """Whether a call takes no memory for scores, and shares its block among `threads`.

        Blocks may then be long.
        """

    threads: int
    """How many one call may use, where it is `long`."""

    def __call__(
        self,
        block: NDArray[Any],
        scales: NDArray[np.float32] | None,
        floors: NDArray[np.float32],
    ) -> Raw:
        """Return scores that are no less than their query's floor.

        Parameters
        ----------
        block
            (m, d) stored features, of the type that the scanner was made for.
        scales
            (m,) for integers, else None.
        floors
            (q,), no NaN.
        """


class ArrayScanner:
    """Products by a backend's array namespace: float32 features, any device.

    Parameters
    ----------
    backend
        Where the products are computed.
    queries
        (q, d) float32.
    rows
        Rows of a full block: where every new shape costs a compilation, shorter blocks are filled
        up to it.
    """

    parallel: ClassVar[bool] = False
    bounded: ClassVar[bool] = False
    long: ClassVar[bool] = False
    threads = 1

    def __init__(self, backend: Backend, queries: NDArray[np.float32], rows: int) -> None:
        self.backend = backend
        self.queries = backend.from_numpy(queries)
        self.count = len(queries)
        self.rows = rows

    def __call__(
        self,
        block: NDArray[Any],
        scales: NDArray[np.float32] | None,
        floors: NDArray[np.float32],
    ) -> Raw:
        """Compare on the device; only where something passes the block's scores are looked at."""
        backend, xp, m = self.backend, self.backend.xp, len(block)
        if backend.jits and m < self.rows:
            full = np.zeros((self.rows, block.shape[1]), np.float32)
            full[:m] = block
            block = full
        x = backend.from_numpy(np.ascontiguousarray(block))
        scores = backend.product(self.queries, xp.permute_dims(x, (1, 0)))
        passed = scores >= backend.from_numpy(floors)[:, None]
        if not bool(xp.any(passed)):
            nothing, none = np.empty(0, np.int64), np.empty(0, np.float32)
            return nothing, nothing, none, none
        # What has passed is counted in no shape of the device: each number of hits would be one
        # more, and the next compilation.
        held = backend.to_numpy(scores)[:, :m]
        query, row = np.nonzero(held >= floors[:, None])
        score = held[query, row]
        return query, row, score, np.zeros_like(score)


def find_scanner(
    backend: Backend, queries: NDArray[np.float32], dtype: str, rows: int
) -> Scanner | None:
    """Return the scanner of a backend for features of a type.

    Parameters
    ----------
    backend
        Its own scanner is taken if it has one; float32 is served in any case.
    queries
        (q, d) float32.
    dtype
        ``"float32"`` or ``"int8"``.
    rows
        Rows of a full block.
    """
    queries = np.ascontiguousarray(queries)
    native = backend.scanner(dtype, queries.shape[1])
    if native is not None:
        found: Scanner = native(queries)
        return found
    return ArrayScanner(backend, queries, rows) if dtype == "float32" else None
