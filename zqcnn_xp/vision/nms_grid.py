"""Greedy non-maximum suppression of equal windows on a grid, as a proposal network gives them.

How much two of them overlap depends on nothing but how many rows and columns lie between them. So
the cells that one suppresses are a fixed stencil around it, and nothing is computed for a pair.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.boxes import areas, overlaps

__all__ = ["Stencil", "stencil", "suppress_cells"]

Stencil = tuple[tuple[int, int], ...]
"""Rows down and columns right to the cells that overlap a cell too much."""


def stencil(
    window: int, stride: int, threshold: float, *, compat: Literal["zqcnn"] | None = None
) -> Stencil:
    """Return where the windows lie that overlap one window by more than the threshold.

    Parameters
    ----------
    window, stride
        Side of the windows and their distance in pixels.
    threshold, compat
        As for `nms.suppress`, over the union.

    Examples
    --------
    >>> stencil(12, 2, 0.7)
    ((-1, 0), (0, -1), (0, 1), (1, 0))
    """
    if compat is not None and threshold >= 1:
        return ()
    reach = window // stride
    steps = np.arange(-reach, reach + 1)
    away = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    # In float32, as boxes of a level are.
    corner = (away[:, ::-1] * stride).astype(np.float32)
    boxes = np.concatenate([corner, corner + np.float32(window)], axis=1)
    one = np.array([[0, 0, window, window]], np.float32)
    share = overlaps(one, boxes, areas(one), areas(boxes), inclusive=compat is not None)[0]
    near = (share > np.float32(threshold)) & away.any(axis=1)
    return tuple((row, column) for row, column in away[near].tolist())


def suppress_cells(
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    group: NDArray[np.intp] | None,
    score: NDArray[np.floating],
    near: Stencil,
    *,
    compat: Literal["zqcnn"] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the winners, best first, and how many cells each of them suppressed.

    Parameters
    ----------
    row, column
        (n,) of the cells, 0 or more.
    group
        (n,), 0 or more: cells compete within their group alone, where a place occurs once. None:
        all compete.
    score
        (n,), finite. Of equal scores the earlier goes first (``compat="zqcnn"``: the later).
    near
        From `stencil`.

    Returns
    -------
    winners, counts
        (k,) indices, and the number of cells that fell to each.

    Examples
    --------
    >>> at = np.array([0, 1, 5])
    >>> winners, counts = suppress_cells(
    ...     at, at, None, np.array([0.8, 0.9, 0.7]), ((-1, -1), (1, 1))
    ... )
    >>> winners.tolist(), counts.tolist()
    ([1, 2], [1, 0])
    """
    if not row.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    exact = compat is None
    order = np.argsort(-score, kind="stable") if exact else np.argsort(score, kind="stable")[::-1]
    # Places as single numbers, with so much room after the last column and row that a step beyond
    # an edge, or into another group, meets nobody.
    height = int(row.max()) + 1 + max((down for down, _ in near), default=0)
    width = int(column.max()) + 1 + max((right for _, right in near), default=0)
    place = row * width + column if group is None else (group * height + row) * width + column
    steps = [down * width + right for down, right in near]
    # A set of Python's integers beats arrays here: few cells win, and each has few neighbours.
    places = place[order].tolist()
    alive = set(places)
    winners: list[int] = []
    counts: list[int] = []
    for rank, here in enumerate(places):
        if here in alive:
            alive.remove(here)
            fallen = alive.intersection([here + step for step in steps])
            alive -= fallen
            winners.append(rank)
            counts.append(len(fallen))
    return order[winners], np.array(counts, np.intp)
