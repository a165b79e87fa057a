"""The most similar of many features, exactly, or through another library's index.

The exact search gives the same answer on every backend, with any number of threads, from float32
features or from int8 ones with their originals: what is close to the best is scored again in
float64, and of equal scores the lower row comes first. See `zqcnn_xp.gallery.candidates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.candidates import Candidates
from zqcnn_xp.gallery.candidates import Found as Pairs
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.ranking import All, Best
from zqcnn_xp.gallery.rows import Features, Rows, as_rows
from zqcnn_xp.gallery.work import checked_queries, workers
from zqcnn_xp.parallel import in_order
from zqcnn_xp.registry import get_backend

__all__ = ["Engine", "Found", "search"]

Engine = Literal["exact", "faiss", "faiss-sq8", "usearch", "usearch-hnsw"]

# Rows of the first blocks.
_FIRST = (512, 4096)
_MOST = (1 << 31) - 1  # of one query
_SHOWN = 5  # queries, and rows of each, in a printed result
_LONG = 1 << 19  # rows of a piece where a call costs more than its memory


class Found(NamedTuple):
    """What a search has found, best first.

    Parameters
    ----------
    indices
        (q, k) int64 numbers of rows; -1 where there are fewer.
    scores
        (q, k) float32 dot products; -inf where there are fewer.
    exact
        These are the best of all rows; False where an engine may miss some.
    features
        What the scores are products of: ``"float32"``, ``"float16"``, ``"int8"`` ...

    Examples
    --------
    >>> found = search(np.eye(2, 3), np.eye(3, dtype=np.float32), k=2)
    >>> found
    <Found for 2 queries, up to 2 rows each, exact, of float32>
    >>> print(found)
    2 queries, up to 2 rows each, exact, of float32
    query 0: row 0 (1.0000), row 1 (0.0000)
    query 1: row 1 (1.0000), row 0 (0.0000)
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]
    exact: bool
    features: str

    def __repr__(self) -> str:
        # Of arrays that may have millions of entries nobody reads the corners.
        return f"<Found for {self._summary()}>"

    def __str__(self) -> str:
        """Return the best rows of the first queries, a line each."""
        shown = list(zip(self.indices[:_SHOWN], self.scores[:_SHOWN], strict=True))
        lines = [self._summary()]
        for query, (rows, scores) in enumerate(shown):
            rows, scores = rows[rows >= 0], scores[rows >= 0]
            few = zip(rows[:_SHOWN], scores[:_SHOWN], strict=True)
            said = [f"row {row} ({score:.4f})" for row, score in few]
            said += [f"and {len(rows) - _SHOWN} more"] * (len(rows) > _SHOWN)
            lines.append(f"query {query}: {', '.join(said) or 'nothing'}")
        if len(self.indices) > _SHOWN:
            lines.append(f"and {len(self.indices) - _SHOWN} more queries")
        return "\n".join(lines)

    def _summary(self) -> str:
        q, k = self.indices.shape
        queries, rows = f"{q} quer{'y' if q == 1 else 'ies'}", f"row{'s' * (k != 1)}"
        kind = "exact" if self.exact else "not exact"
        return f"{queries}, up to {k} {rows} each, {kind}, of {self.features}"


def search(
    queries: ArrayLike,
    rows: Features,
    k: int | None = 10,
    *,
    threshold: float | None = None,
    originals: Features | None = None,
    engine: Engine = "exact",
    backend: str | Backend | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Found:
    """Return the k rows with the highest dot products with each query.

    Parameters
    ----------
    queries
        (q, d), or (d,) for one; finite. For cosines, queries and rows have length 1.
    rows
        (n, d) features of any stored type; finite.
    k
        How many; None returns all that reach the threshold.
    threshold
        Scores below it are left out.
    originals
        The (n, d) features that ``rows`` were rounded from, float32 or float16, best in a
        memory-mapped file: the result is theirs, exactly, at the speed of the rounded ones. A few
        rows of each block are read.
    engine
        ``"exact"``; ``"faiss"`` (flat), ``"faiss-sq8"``, ``"usearch"`` or ``"usearch-hnsw"`` of
        `zqcnn_xp.gallery.engines.search_index`.
    backend, threads, block
        As in `zqcnn_xp.gallery.scan.scan`.

    Returns
    -------
    Found
        Of equal scores the lower row comes first.

    Raises
    ------
    InputError
        If queries or features are not finite, dimensions differ, ``k`` is less than 0, or neither
        ``k`` nor a threshold is given.
    PackageMissing
        If the engine is not installed.

    Examples
    --------
    >>> rows = np.eye(3, dtype=np.float32)
    >>> found = search([0.0, 1.0, 0.5], rows, k=2)
    >>> found.indices, found.scores
    (array([[1, 2]]), array([[1. , 0.5]], dtype=float32))
    """
    held = as_rows(rows)
    kept = held
    if originals is not None and originals is not rows:
        kept = _checked_originals(as_rows(originals), held)
    given = checked_queries(queries, held.shape[1])
    least = _checked_limits(k, threshold)
    if engine != "exact":
        from zqcnn_xp.gallery.engines import EXACT, search_index

        indices, scores = search_index(engine, given, kept, k, least, threads)
        return Found(indices, scores, engine in EXACT, f"{kept.dtype.name} by {engine}")
    made = get_backend(backend)
    ranking = All(len(given), least) if k is None else Best(len(given), k, least)
    for query, row, score in _candidates(made, given, held, kept, ranking, threads, block):
        ranking.add(query, row, score)
    return Found(*ranking.table(), exact=True, features=kept.dtype.name)


def _candidates(
    backend: Backend,
    queries: NDArray[np.float32],
    rows: Rows,
    originals: Rows,
    ranking: All | Best,
    threads: int | None,
    block: int | None,
) -> Iterator[Pairs]:
    """Yield what may still be among the best, block by block."""
    n, k = rows.shape[0], ranking.k if isinstance(ranking, Best) else None
    if n == 0 or len(queries) == 0 or k == 0:
        return
    candidates = Candidates(backend, queries, rows, originals, block)
    size = candidates.size

    # At first every row is among the best so far: a few blocks, one by one, until floors are high
    # enough for blocks that run side by side. Where each shape is compiled that is left to NumPy.
    first = candidates
    if backend.jits:
        first = Candidates(Backend(np), queries, rows, originals, block)
    start = 0
    for step in _FIRST:
        if start < n:
            stop = min(start + min(step, size), n)
            yield first.exact(start, stop, ranking.floors(), k)
            start = stop

    def work(piece: tuple[int, int]) -> Pairs:
        return candidates.exact(*piece, ranking.floors(), k)

    callers = workers(backend, candidates.scanner, threads)
    if candidates.long:  # a call shares its rows among threads itself
        size = max(size, _LONG)
        candidates.scanner.threads, callers = callers, 1
    pieces = ((at, min(at + size, n)) for at in range(start, n, size))
    yield from in_order(work, pieces, callers)


def _checked_limits(k: int | None, threshold: float | None) -> float:
    """Return the least score that is wanted, rounded up to float32."""
    if k is None and threshold is None:
        raise InputError("found neither k nor a threshold, expected one of them")
    if k is not None and (isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0):
        raise InputError(f"found k {k!r}, expected a whole number of 0 or more")
    if k is not None and k > _MOST:
        raise InputError(f"found k {k}, expected at most {_MOST}; a threshold bounds by score")
    return float(Floor(-np.inf if threshold is None else threshold).value)


def _checked_originals(originals: Rows, rows: Rows) -> Rows:
    if originals.shape != rows.shape:
        msg = f"found originals of shape {originals.shape}, expected {rows.shape} as the rows have"
        raise InputError(msg)
    if originals.scales is not None:
        msg = f"found originals of {originals.dtype}, expected float32 or float16"
        raise InputError(msg)
    return originals
