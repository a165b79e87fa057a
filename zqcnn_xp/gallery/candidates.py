"""Rows that may be among the best, by scores that are not exact but whose error has a bound.

A scan compares a query ``q`` with stored features ``x'``; what is wanted is the product with the
original ``x``. With ``q'`` the query as the scan has it:

    |q.x - q'.x'| <= |q| |x - x'| + |q - q'| |x'|        (Cauchy and Schwarz)

and float32 products add their rounding: of a sum of d products in any order, no more than
``d 2**-24 |q| |x'|``. A row whose score lies further below the floor than that cannot reach
it. All others are scored again, in float64, with the original: see `Candidates.exact`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.ranking import leaders
from zqcnn_xp.gallery.rows import Rows, decoded, error_norms
from zqcnn_xp.gallery.scanners import Scanner, find_scanner
from zqcnn_xp.gallery.work import block_rows

__all__ = ["Candidates"]

Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]

# Products beyond this may overflow float32 on the way; rounding below that of normal numbers.
_LARGE, _SMALL = 1e37, 2.0**-126
# Pairs scored again at a time, 16 MB of float64 at 128 values.
_PAIRS = 1 << 13


class Candidates:
    """Find what may reach a floor in a block of rows, and score it exactly.

    Parameters
    ----------
    backend
        Where scans run.
    queries
        (q, d) float32, finite.
    rows
        What is scanned.
    originals
        What counts; ``rows`` itself where stored features are to be compared as they are.
    block
        Rows of a full block; None chooses.
    """

    def __init__(
        self,
        backend: Backend,
        queries: NDArray[np.float32],
        rows: Rows,
        originals: Rows,
        block: int | None,
    ) -> None:
        self.rows, self.originals = rows, originals
        self.dim = queries.shape[1]
        self._queries = queries.astype(np.float64)
        self._lengths = np.sqrt(np.einsum("ij,ij->i", self._queries, self._queries))
        size = block_rows(len(queries), self.dim, block)
        native = find_scanner(backend, queries, "int8", size) if rows.dtype == np.int8 else None
        self.decodes = native is None
        scanner = find_scanner(backend, queries, "float32", size) if native is None else native
        assert scanner is not None  # noqa: S101 - float32 is always served
        self.scanner: Scanner = scanner
        # Bytes are read as they lie, and there are four times as many in as much memory.
        self.size = size if self.decodes else block_rows(len(queries), self.dim // 4, block)
        as_it_lies = native is not None or (rows.dtype == np.float32 and rows.scales is None)
        self.long = as_it_lies and scanner.long and block is None
        if native is not None:
            self._query_errors = error_norms(self._queries, native.rounded)  # type: ignore[attr-defined]

    def exact(self, start: int, stop: int, floors: NDArray[np.float32], k: int | None) -> Found:
        """Return the rows of a block that reach the floors, with exact scores.

        Parameters
        ----------
        start, stop
            The block.
        floors
            (q,) what scores have to reach.
        k
            No more than the best k of each query are needed; None wants all.

        Returns
        -------
        query, row, score
            (h,): each score is a product in float64, rounded to float32.

        Raises
        ------
        InputError
            If a feature is not finite.
        """
        block, scales, slack = self._block(start, stop)
        query, row = self._near(block, scales, slack, floors, k)
        score = self._scores(query, row, start, stop)
        keep = score >= floors[query]
        return query[keep], row[keep] + start, score[keep]

    def _block(
        self, start: int, stop: int
    ) -> tuple[NDArray[Any], NDArray[np.float32] | None, NDArray[np.float64]]:
        """Return what the scanner reads, and (q,) how far its scores may be off."""
        slack = self._lengths * self._stored_error(start, stop)
        if not self.decodes:
            scales = self.rows.scales
            assert scales is not None  # noqa: S101 - integers have scales
            part = np.ascontiguousarray(scales[start:stop])
            longest = _finite(_peak(part), start, stop) * 128 * self.dim**0.5
            return self.rows[start:stop], part, slack + self._query_errors * longest
        block = decoded(self.rows, start, stop)
        if self.scanner.bounded:
            return block, None, slack
        longest = _finite(_peak(block), start, stop) * self.dim**0.5
        # Four times the bound: matrix units that split float32 into shorter numbers need two.
        rounding = 4 * (self.dim + 2) * 2.0**-24 * self._lengths * longest
        # An overflow on the way may be no number, and no bound holds then.
        rounding[self._lengths * longest > _LARGE] = np.inf
        # Libraries may take what is below normal numbers for zero, of factors and of products.
        lost = self.dim * _SMALL * (1 + self._lengths + longest)
        return block, None, slack + rounding + lost

    def _stored_error(self, start: int, stop: int) -> float:
        if self.originals is self.rows:
            return 0.0
        errors = self.rows.errors
        if errors is not None:
            part = errors[start:stop]
        else:
            part = error_norms(
                decoded(self.originals, start, stop), decoded(self.rows, start, stop)
            )
        largest = float(np.max(part, initial=0.0))
        return np.inf if np.isnan(largest) else largest

    def _near(
        self,
        block: NDArray[Any],
        scales: NDArray[np.float32] | None,
        slack: NDArray[np.float64],
        floors: NDArray[np.float32],
        k: int | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of query and row of the block whose exact scores may reach the floors."""
        if np.isinf(slack).any():
            q, m = len(floors), len(block)
            every = np.repeat(np.arange(q), m), np.tile(np.arange(m), q)
            wanted = floors[every[0]] < np.inf
            return every[0][wanted], every[1][wanted]
        query, row, score, off = self.scanner(block, scales, _rounded_down(floors - slack))
        if k is not None and k > 0 and len(query) > k:
            # Of many candidates of one block only those near its own k-th best are needed.
            off = slack[query] + off
            with np.errstate(invalid="ignore"):  # what overflowed: no number is never left out
                some, kth = leaders(query, score - off, k)
                least = np.full(len(floors), -np.inf)
                least[some] = kth
                keep = ~(score + off < least[query])
            query, row = query[keep], row[keep]
        return query, row

    def _scores(
        self, query: NDArray[np.int64], row: NDArray[np.int64], start: int, stop: int
    ) -> NDArray[np.float32]:
        """Return exact scores of pairs; ``row`` counts from the start of the block."""
        found = np.empty(len(query), np.float32)
        if not len(query):
            return found
        block, scales = self.originals[start:stop], self.originals.scales
        for first in range(0, len(query), _PAIRS):
            part = slice(first, first + _PAIRS)
            x = block[row[part]].astype(np.float64)
            score = np.einsum("ij,ij->i", x, self._queries[query[part]])
            if scales is not None:
                score *= scales[start:stop][row[part]]
            if not np.isfinite(score).all():
                bad = start + int(row[part][np.argmin(np.isfinite(score))])
                raise InputError(f"found a value that is no finite number in row {bad}")
            with np.errstate(over="ignore"):
                found[part] = score
        return found


def _peak(block: NDArray[np.float32]) -> float:
    return float(max(block.max(initial=0.0), -block.min(initial=0.0)))


def _finite(value: float, start: int, stop: int) -> float:
    if not np.isfinite(value):
        msg = f"found a value that is no finite number in rows {start} to {stop - 1}"
        raise InputError(msg)
    return float(value)


def _rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        found: NDArray[np.float32] = values.astype(np.float32)
    return np.where(found > values, np.nextafter(found, np.float32(-np.inf)), found)
