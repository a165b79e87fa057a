"""All pairs of rows that are similar enough, exactly, for as little as a threshold allows.

Pairs are compared by bounds: products of sketches of the features (`zqcnn_xp.gallery.sketches`),
rounded to bytes where a backend multiplies those, plus all that rounding may have taken from a
product. What a bound lets through is scored again in float64, with the features. A score is that
product, rounded to float32: the same on all backends, with any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.picked import PickedRows, refuse_infinite
from zqcnn_xp.gallery.rows import Features, Rows, as_rows, decoded
from zqcnn_xp.gallery.scan import Hits
from zqcnn_xp.gallery.scanners import TooManyHits
from zqcnn_xp.gallery.sketches import Sketch, choose_sketch
from zqcnn_xp.gallery.strips import ByteStrip, FloatStrip, Strip, strip_sizes
from zqcnn_xp.gallery.work import workers
from zqcnn_xp.parallel import in_order
from zqcnn_xp.registry import get_backend

__all__ = ["exact_scores", "near_pairs"]

# Pairs scored again at a time, 1 MB of float64 at 128 values; and where all pairs are scored.
_PAIRS, _TILE = 512, 1 << 20
# Where more than one of so many pairs pass their bound all are scored, by products of matrices.
_DENSE = 64


class _Piece(NamedTuple):
    """Rows ``start`` to ``stop`` against a strip that begins at row ``first``."""

    strip: Strip
    first: int
    start: int
    stop: int


def near_pairs(
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
    rows
        (n, d) features of any stored type; finite.
    floor
        One value. Read when the work on a block starts; blocks are begun a little ahead of what is
        yielded. The higher, the quicker.
    backend
        Where products are computed; None takes the backend in force.
    threads
        CPU threads; None takes the backend's.
    block
        Rows at a time; None chooses.

    Yields
    ------
    Hits
        ``query`` < ``row``: the numbers of both rows, and the product of their features (of stored
        integers: decoded to float32) in float64, rounded to float32. Parts without a hit are left
        out; memory is bounded by a few blocks and their hits.

    Raises
    ------
    InputError
        If a feature is not finite, or there is more than one floor.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    >>> [(h.query.tolist(), h.row.tolist()) for h in near_pairs(rows, Floor(0.5))]
    [([0], [2])]
    """
    held = as_rows(rows)
    made = get_backend(backend)
    n, d = held.shape
    least, in_bytes = float(floor.of(1)[0]), made.scanner("int8-pairs", d) is not None
    sketch = choose_sketch(held, least, in_bytes=in_bytes)
    native = made.scanner("int8-pairs", sketch.width) if in_bytes else None
    high, size = strip_sizes(d, block, native is not None)

    def strip(features: NDArray[np.float32]) -> ByteStrip | FloatStrip:
        if native is not None:
            return ByteStrip(native, sketch, features)
        return FloatStrip(made, sketch, features, size)

    def pieces() -> Iterator[_Piece]:
        for first in range(0, n - (n > 1), high):  # one row alone is looked at, too
            # Of its own: views of a file must not be read again for each block.
            part = _checked(held, np.array(decoded(held, first, min(first + high, n))), first)
            made_of = strip(part)
            for start in range(first, n, size):
                yield _Piece(made_of, first, start, min(start + size, n))

    def work(piece: _Piece) -> Hits | _Piece:
        return _near(held, sketch, piece, float(floor.of(1)[0]))

    # Of one type throughout, and asked before the first is needed.
    probe = FloatStrip(made, Sketch(d), np.zeros((1, d), np.float32), size)
    callers = workers(made, ByteStrip if native is not None else probe, threads)
    for found in in_order(work, pieces(), callers):
        parts = iter((found,)) if isinstance(found, Hits) else _every(held, found, floor)
        yield from (hits for hits in parts if len(hits.row))


def _near(held: Rows, sketch: Sketch, piece: _Piece, least: float) -> Hits | _Piece:
    """Return the hits of a piece, or the piece where that many may be hits that all are scored."""
    strip, first, start, stop = piece
    block = decoded(held, start, stop)
    short, lengths = sketch.of(block)
    if not np.isfinite(lengths).all():
        _checked(held, block, start)
        return piece
    count = min(len(strip.features), stop - first)
    try:
        query, row = strip.near(short, lengths, least, count)
    except TooManyHits:
        return piece
    upper = query < row + (start - first)
    query, row = query[upper], row[upper]
    if len(query) > max(count * len(block) // _DENSE, _PAIRS):
        return piece
    score = exact_scores(strip.features, block, query, row)
    keep = score >= least
    return Hits(query[keep] + first, row[keep] + start, score[keep])


def _every(held: Rows, piece: _Piece, floor: Floor) -> Iterator[Hits]:
    """Yield the hits of a piece of which every pair is scored."""
    strip, first, start, stop = piece
    block = decoded(held, start, stop)
    exact = block.astype(np.float64)
    longest = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    step = max(_TILE // max(len(block), 1), 1)
    for at in range(0, min(len(strip.features), stop - first), step):
        some = strip.features[at : at + step]
        queries = some.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries))
        scores = queries @ exact.T
        # Sums in another order: what they may be off by, twice.
        off = np.outer(lengths, longest) * (block.shape[1] + 2) * 2.0**-51
        least = float(floor.of(1)[0])
        with np.errstate(over="ignore"):
            query, row = np.nonzero((scores + off).astype(np.float32) >= least)
        upper = query + (first + at) < row + start
        query, row = query[upper], row[upper]
        score, off = scores[query, row], off[query, row]
        with np.errstate(over="ignore"):
            found = (score - off).astype(np.float32)
            open_ = np.flatnonzero(found != (score + off).astype(np.float32))
        found[open_] = exact_scores(some, block, query[open_], row[open_])
        keep = found >= least
        yield Hits(query[keep] + (first + at), row[keep] + start, found[keep])


def exact_scores(
    queries: NDArray[np.float32],
    block: NDArray[np.float32],
    query: NDArray[np.int64],
    row: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return products of pairs in float64, rounded to float32.

    Parameters
    ----------
    queries, block
        (q, d) and (m, d) float32.
    query, row
        (h,) which of them.

    Examples
    --------
    >>> x = np.eye(2, dtype=np.float32)
    >>> exact_scores(x, x, np.array([0, 0]), np.array([0, 1]))
    array([1., 0.], dtype=float32)
    """
    found = np.empty(len(query), np.float32)
    with np.errstate(over="ignore"):
        for start in range(0, len(query), _PAIRS):
            part = slice(start, start + _PAIRS)
            one = queries[query[part]].astype(np.float64)
            found[part] = np.einsum("ij,ij->i", one, block[row[part]].astype(np.float64))
    return found


def _checked(held: Rows, block: NDArray[np.float32], first: int) -> NDArray[np.float32]:
    """Return a block of finite features; an error names the row as the caller knows it."""
    index = np.arange(first, first + len(block))
    refuse_infinite(block, held.index[index] if isinstance(held, PickedRows) else index)
    return block
