"""High scores among features: products of tiles that stay in the cache, compared at once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zqcnn_xp_numpy.blas import one_thread

__all__ = ["TileScanner", "longest"]

Host = np.ndarray[Any, Any]

# Scores of a tile, 1 MB, and its features, 2 MB: both are read again while the cache has them.
_TILE, _FEATURES = 1 << 18, 1 << 19
_SIDE = 512
# Floats whose squares are added up at a time: long enough for BLAS, and short for a close bound.
_SQUARES = 1 << 10
# Products beyond this may overflow float32 on the way; rounding below that of normal numbers.
_LARGE, _SMALL = 1e37, 2.0**-126


class TileScanner:
    """Find what may reach a floor among float32 features.

    Threads are the caller's, one block each: BLAS is held to one, since products of tiles are too
    small to be split. How far a score may be off follows from the lengths of the query and of the
    tile's rows: a sum of d products of float32 is off by no more than ``d 2**-24 |q| |x|``. Lengths
    are taken of some rows together, one product of them with themselves, while the tile is in
    the cache: a pass for the largest value takes longer than the scores of one query.

    Parameters
    ----------
    queries
        (q, d) float32, finite.
    """

    parallel: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    long: ClassVar[bool] = False
    threads = 1

    def __init__(self, queries: Host) -> None:
        self.queries = queries
        wide = queries.astype(np.float64)
        self._lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> tuple[Host, ...]:
        """Return every score that may be no less than its query's floor, and its error's bound."""
        q, (m, d) = len(self.queries), block.shape
        high = max(min(q, _SIDE), 1)
        wide = max(min(_TILE // high, _FEATURES // max(d, 1), m), 1)
        scores, passed = np.empty(high * wide, np.float32), np.empty(high * wide, np.bool_)
        queries, rows, values, errors = [], [], [], []
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, m, wide):
                part = np.ascontiguousarray(block[start : start + wide])
                slack = self._slack(longest(part))
                # No number where both are infinite: nothing reaches that, nor such a floor.
                least = _rounded_down(floors - slack)
                unbound = np.isinf(slack) & (floors < np.inf)
                for first in range(0, q, high):
                    some, limit = self.queries[first : first + high], least[first : first + high]
                    shape, size = (len(some), len(part)), len(some) * len(part)
                    tile = np.matmul(some, part.T, out=scores[:size].reshape(shape))
                    if len(some) == 1 and tile.max() < limit[0]:
                        continue
                    reached = passed[:size].reshape(shape)
                    np.greater_equal(tile, limit[:, None], out=reached)
                    # Scores that overflow may be no numbers: they stand for any score.
                    reached[unbound[first : first + high]] = True
                    hits = np.flatnonzero(passed[:size])
                    if hits.size:
                        query, row = np.divmod(hits, shape[1])
                        queries.append(query + first)
                        rows.append(row + start)
                        values.append(scores[hits])
                        errors.append(slack[query + first])
        if not rows:
            nothing = np.empty(0, np.int64)
            return nothing, nothing, np.empty(0, np.float32), np.empty(0)
        found = np.concatenate(queries), np.concatenate(rows), np.concatenate(values)
        return *found, np.concatenate(errors)

    def _slack(self, longest: float) -> Host:
        """Return (q,) float64: how far scores with rows of this length may be off."""
        d = self.queries.shape[1]
        # Four times the bound: matrix units that split float32 into shorter numbers need two.
        slack: Host = 4 * (d + 2) * 2.0**-24 * self._lengths * longest
        # Libraries may take what is below normal numbers for zero, of factors and of products.
        slack += d * _SMALL * (1 + self._lengths + longest)
        # An overflow on the way may be no number, and no bound holds then.
        slack[~(self._lengths * longest <= _LARGE)] = np.inf
        return slack


def longest(rows: Host) -> float:
    """Return no less than the length of each row; infinite where one is not finite.

    Parameters
    ----------
    rows
        (m, d) float32 without gaps.

    Examples
    --------
    >>> 5 <= longest(np.array([[3, 4], [0, 1]], np.float32)) < 5.2
    True
    """
    m, d = rows.shape
    together = max(_SQUARES // max(d, 1), 1)
    whole = m // together * together
    count = together * d
    groups = rows[:whole].reshape(m // together, count), rows[whole:].reshape(1, -1)
    # NumPy's maximum, for Python's would pass over what is no number.
    squares = float(np.max([np.vecdot(some, some).max(initial=0) for some in groups]))
    if not np.isfinite(squares) or count > 1 << 22:
        return np.inf
    # Sums of float32, each rounded; what is below normal numbers may count as zero.
    return float(np.sqrt((squares + count * _SMALL) * (1 + count * 2.0**-23)))


def _rounded_down(values: Host) -> Host:
    found: Host = np.nextafter(values.astype(np.float32), np.float32(-np.inf))
    return found
