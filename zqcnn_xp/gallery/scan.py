"""Scores of many features with many others, streamed: only those that reach a floor are kept.

A score is the dot product of two features, for features of length 1 their cosine. All pairs of
100,000 features are 5e9 scores: they are computed in blocks that stay in the processor's cache,
compared with the floor, and forgotten. Who takes the hits may raise the floor on the way.

Scores are float32 products of the decoded features. They are rounded, and how depends on the order
in which a block's products are summed: the same pair may differ by about 1e-7 (of the product of
the features' lengths) from another backend, or another size of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.parallel import in_order
from zqcnn_xp.gallery.rows import Features, as_rows, decoded
from zqcnn_xp.gallery.scanners import Scanner, find_scanner
from zqcnn_xp.registry import get_backend
from zqcnn_xp.threads import thread_count

__all__ = ["Floor", "Hits", "block_rows", "checked_queries", "scan", "scan_pairs", "workers"]

# Scores of a piece of work, and values of the features that are decoded for it.
_SCORES, _VALUES = 1 << 22, 1 << 22
# Features on the left of a piece of all pairs.
_STRIP = 1024


class Hits(NamedTuple):
    """Scores that reach the floor.

    Parameters
    ----------
    query, row
        (h,) int64: numbers of the two features.
    score
        (h,) float32.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    score: NDArray[np.float32]


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


def scan(
    queries: ArrayLike,
    rows: Features,
    floor: Floor,
    *,
    backend: str | Backend | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Iterator[Hits]:
    """Yield every score of queries and rows that reaches the floor.

    Parameters
    ----------
    queries
        (q, d), or (d,) for one; finite.
    rows
        (n, d) features of any stored type.
    floor
        Read when the work on a block starts; blocks are begun a little ahead of what is yielded.
    backend
        Where products are computed; None takes the backend in force.
    threads
        CPU threads; None takes the backend's.
    block
        Rows at a time; None chooses.

    Yields
    ------
    Hits
        In the order of blocks of rows; blocks without a hit are left out. Memory is bounded by a
        few blocks and their hits.

    Raises
    ------
    InputError
        If the queries are not finite, or have another dimension than the rows.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.eye(3, dtype=np.float32)
    >>> [(h.query.tolist(), h.row.tolist()) for h in scan(rows[1:], rows, Floor(0.5))]
    [([0, 1], [1, 2])]
    """
    held = as_rows(rows)
    n, d = held.shape
    given = checked_queries(queries, d)
    floor.of(len(given))
    made = get_backend(backend)
    size = block_rows(len(given), d, block)
    scanner = _float_scanner(made, given, size)

    def work(start: int) -> Hits:
        stop = min(start + size, n)
        return _hits(scanner, decoded(held, start, stop), floor.of(len(given)), 0, start)

    starts = range(0, n if len(given) else 0, size)
    return _seen(in_order(work, starts, workers(made, scanner, threads)))


def scan_pairs(
    rows: Features,
    floor: Floor,
    *,
    backend: str | Backend | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Iterator[Hits]:
    """Yield the score of every unordered pair of rows that reaches the floor, once.

    Parameters
    ----------
    rows, backend, threads, block
        As in `scan`.
    floor
        As in `scan`, with one value.

    Yields
    ------
    Hits
        ``query`` < ``row``: the numbers of both rows.

    Raises
    ------
    InputError
        If there is more than one floor.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    >>> [(h.query.tolist(), h.row.tolist()) for h in scan_pairs(rows, Floor(0.5))]
    [([0], [2])]
    """
    held = as_rows(rows)
    n, d = held.shape
    floor.of(1)
    made = get_backend(backend)
    size = block_rows(_STRIP, d, block)

    def pieces() -> Iterator[tuple[Scanner, int, int, int]]:
        for first in range(0, n - 1, _STRIP):
            last = min(first + _STRIP, n)
            # Of its own: views of a file must not be read again for each block.
            strip = np.array(decoded(held, first, last))
            scanner = _float_scanner(made, strip, size)
            for start in range(first, n, size):
                yield scanner, first, last - first, start

    def work(piece: tuple[Scanner, int, int, int]) -> Hits:
        scanner, first, count, start = piece
        part = decoded(held, start, min(start + size, n))
        found = _hits(scanner, part, floor.of(count), first, start)
        if start < first + count:
            upper = found.query < found.row
            found = Hits(found.query[upper], found.row[upper], found.score[upper])
        return found

    probe = _float_scanner(made, np.zeros((1, d), np.float32), size)
    return _seen(in_order(work, pieces(), workers(made, probe, threads)))


def _float_scanner(backend: Backend, queries: NDArray[np.float32], rows: int) -> Scanner:
    found = find_scanner(backend, queries, "float32", rows)
    assert found is not None  # noqa: S101 - float32 is always served
    return found


def _hits(
    scanner: Scanner, block: NDArray[np.float32], floors: NDArray[np.float32], query: int, row: int
) -> Hits:
    """Return the hits of a block whose first query and row have these numbers."""
    queries, rows, scores, _ = scanner(block, None, floors)
    if scanner.bounded:
        keep = scores >= floors[queries]
        queries, rows, scores = queries[keep], rows[keep], scores[keep]
    return Hits(queries + query, rows + row, scores)


def _seen(hits: Iterator[Hits]) -> Iterator[Hits]:
    return (found for found in hits if len(found.row))


def workers(backend: Backend, scanner: Scanner, threads: int | None) -> int:
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


def _rounded_up(value: ArrayLike) -> NDArray[np.float32]:
    exact = np.asarray(value, np.float64)
    if exact.ndim > 1 or np.isnan(exact).any():
        msg = "found a floor that is no number or (q,) numbers, expected no NaN"
        raise InputError(msg)
    with np.errstate(over="ignore"):
        found: NDArray[np.float32] = exact.astype(np.float32)
    short = found < exact
    return np.where(short, np.nextafter(found, np.float32(np.inf)), found)
