"""High scores among features: products of tiles that stay in the cache, compared at once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zqcnn_xp_numpy.blas import one_thread

__all__ = ["TileScanner"]

Host = np.ndarray[Any, Any]

# Scores of a tile, 1 MB: a tile and its features fit the second level of cache.
_TILE = 1 << 18
_SIDE = 512


class TileScanner:
    """Find what reaches a floor among float32 features.

    Threads are the caller's, one block each: BLAS is held to one, since products of tiles are too
    small to be split.

    Parameters
    ----------
    queries
        (q, d) float32.
    """

    parallel: ClassVar[bool] = True
    bounded: ClassVar[bool] = False
    long: ClassVar[bool] = False
    threads = 1

    def __init__(self, queries: Host) -> None:
        self.queries = queries

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> tuple[Host, ...]:
        """Return every score that is no less than its query's floor, and zeros."""
        q, m = len(self.queries), len(block)
        high = max(min(q, _SIDE), 1)
        wide = max(min(_TILE // high, m), 1)
        scores, passed = np.empty(high * wide, np.float32), np.empty(high * wide, np.bool_)
        queries, rows, values = [], [], []
        with one_thread():
            for first in range(0, q, high):
                some = self.queries[first : first + high]
                least = floors[first : first + high, None]
                for start in range(0, m, wide):
                    part = block[start : start + wide]
                    shape, size = (len(some), len(part)), len(some) * len(part)
                    tile = np.matmul(some, part.T, out=scores[:size].reshape(shape))
                    np.greater_equal(tile, least, out=passed[:size].reshape(shape))
                    hits = np.flatnonzero(passed[:size])
                    if hits.size:
                        query, row = np.divmod(hits, shape[1])
                        queries.append(query + first)
                        rows.append(row + start)
                        values.append(scores[hits])
        if not rows:
            nothing = np.empty(0, np.int64)
            return nothing, nothing, np.empty(0, np.float32), np.empty(0, np.float32)
        found = np.concatenate(values)
        return np.concatenate(queries), np.concatenate(rows), found, np.zeros_like(found)
