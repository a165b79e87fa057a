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
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.rows import Features, as_rows, decoded
from zqcnn_xp.gallery.scanners import Scanner, find_scanner
from zqcnn_xp.gallery.work import block_rows, checked_queries, workers
from zqcnn_xp.parallel import in_order
from zqcnn_xp.registry import get_backend

__all__ = ["Floor", "Hits", "scan", "scan_pairs"]

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
