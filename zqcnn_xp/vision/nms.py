"""Greedy non-maximum suppression: of boxes that overlap much, only the best stays.

The best box is kept and every box overlapping it by more than the threshold falls; then the best
of the rest, and so on. Candidates are taken in score order in blocks: within a block the
overlaps are one small matrix, and all its winners meet the remaining candidates at once, a
bounded piece at a time. Memory grows with the number of candidates, never with its square.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.boxes import areas, overlaps

__all__ = ["nms", "suppress"]

Ranks = NDArray[np.intp]

_BLOCK = 128
_PAIRS = 1 << 16  # overlaps computed at a time: their temporaries fit the cache


def suppress(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    threshold: float,
    *,
    method: Literal["union", "min"] = "union",
    compat: Literal["zqcnn"] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the winners, best first, and how many boxes each of them suppressed.

    Parameters
    ----------
    boxes
        (n, 4) x1, y1, x2, y2, finite.
    scores
        (n,). Of equal scores the earlier goes first (``compat="zqcnn"``: the later).
    threshold
        A box falls if its overlap with a winner is greater.
    method
        ``"union"`` or ``"min"``, see `boxes.overlaps`.
    compat
        ``"zqcnn"``: intersections count their last row and column while areas do not, and a
        threshold of 1 or more switches suppression off.

    Returns
    -------
    winners, counts
        (k,) indices into ``boxes``, and the number of boxes that fell to each.

    Raises
    ------
    InputError
        Shapes that do not belong together, or values that are not finite.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10.0]])
    >>> winners, counts = suppress(boxes, np.array([0.8, 0.9, 0.7]), 0.5)
    >>> winners.tolist(), counts.tolist()
    ([1, 2], [1, 0])
    """
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or scores.shape != boxes.shape[:1]:
        msg = f"found boxes {boxes.shape} and scores {scores.shape}, expected (n, 4) and (n,)"
        raise InputError(msg)
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise InputError("found boxes or scores that are not finite: drop them first")
    exact = compat is None
    order = np.argsort(-scores, kind="stable") if exact else np.argsort(scores, kind="stable")[::-1]
    if not exact and threshold >= 1:
        return order, np.zeros_like(order)
    if order.size < 2:
        return order, np.zeros_like(order)
    limit = boxes.dtype.type(threshold)
    boxes = boxes[order]
    area = areas(boxes)

    def over(a: Ranks, b: Ranks) -> NDArray[np.bool_]:
        share = overlaps(boxes[a], boxes[b], area[a], area[b], method=method, inclusive=not exact)
        return share > limit

    winners: list[NDArray[np.intp]] = []
    counts: list[NDArray[np.intp]] = []
    rest = np.arange(order.size)
    while rest.size:
        block, rest = rest[:_BLOCK], rest[_BLOCK:]
        kept, fallen = _within(over(block, block))
        block = block[kept]
        step = max(1, _PAIRS // block.size)
        alive: list[NDArray[np.intp]] = []
        for begin in range(0, rest.size, step):
            piece = rest[begin : begin + step]
            hit = over(block, piece)
            any_hit = hit.any(axis=0)
            if any_hit.any():
                # The first winner that overlaps is the one that suppresses.
                fallen += np.bincount(hit[:, any_hit].argmax(axis=0), minlength=block.size)
                piece = piece[~any_hit]
            alive.append(piece)
        rest = np.concatenate(alive) if alive else rest
        winners.append(block)
        counts.append(fallen)
    return order[np.concatenate(winners)], np.concatenate(counts)


def _within(over: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Greedy suppression inside one block, given its overlap matrix in score order.

    Each row of the matrix becomes the bits of one integer of Python, so that a step of the loop
    is a few operations on whole rows.
    """
    bits = np.packbits(over, axis=1, bitorder="little")
    length, data = bits.shape[1], bits.tobytes()
    alive = (1 << over.shape[0]) - 1
    kept: list[int] = []
    counts: list[int] = []
    while alive:
        first = alive & -alive  # everything before it has fallen or won
        at = first.bit_length() - 1
        alive ^= first
        hit = int.from_bytes(data[at * length : (at + 1) * length], "little") & alive
        alive ^= hit
        kept.append(at)
        counts.append(hit.bit_count())
    return np.array(kept, np.intp), np.array(counts, np.intp)


def nms(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    threshold: float,
    *,
    method: Literal["union", "min"] = "union",
) -> NDArray[np.intp]:
    """Return the indices of the winners, best first; see `suppress`.

    Examples
    --------
    >>> nms(np.array([[0, 0, 4, 4.0], [0, 0, 4, 5.0]]), np.array([0.5, 0.6]), 0.5).tolist()
    [1]
    """
    return suppress(boxes, scores, threshold, method=method)[0]
