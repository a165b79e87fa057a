"""Arithmetic on boxes: areas, overlaps, regression, squares.

A box is x1, y1, x2, y2 in pixels. By default it is the half-open rectangle between its corners:
width ``x2 - x1``. Some published detectors count ``x2`` itself as covered in some places
(``inclusive=True``: width ``x2 - x1 + 1``); their results need the same slip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["areas", "overlaps", "refine", "round_half_away", "square", "square_rounded"]

Floats = NDArray[np.floating]


def round_half_away(x: Floats) -> Floats:
    """Round halves away from zero, as C's ``round``.

    Examples
    --------
    >>> round_half_away(np.array([0.5, 1.5, -0.5, 2.4999])).tolist()
    [1.0, 2.0, -1.0, 2.0]
    """
    whole = np.trunc(x)
    return whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0).astype(x.dtype)


def areas(boxes: Floats) -> Floats:
    """Return width times height, (n,); negative sides count as 0.

    Examples
    --------
    >>> areas(np.array([[0.0, 0.0, 4.0, 3.0], [2.0, 2.0, 1.0, 5.0]])).tolist()
    [12.0, 0.0]
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area: Floats = np.multiply(sides[:, 0], sides[:, 1])
    return area


def overlaps(
    a: Floats,
    b: Floats,
    area_a: Floats,
    area_b: Floats,
    *,
    method: str = "union",
    inclusive: bool = False,
) -> Floats:
    """Return the overlap of every box of ``a`` with every box of ``b``.

    Parameters
    ----------
    a, b
        (n, 4) and (m, 4).
    area_a, area_b
        (n,) and (m,) their areas.
    method
        ``"union"``: intersection over union; ``"min"``: intersection over the smaller area.
    inclusive
        Count the last row and column of the intersection (only of it, as ZQCNN does).

    Returns
    -------
    ndarray
        (n, m) in the dtype of the boxes; 0 where both areas are 0.

    Examples
    --------
    >>> box = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
    >>> overlaps(box[:1], box, areas(box[:1]), areas(box)).round(3).tolist()
    [[1.0, 0.333]]
    """
    # One coordinate after the other, each contiguous: arithmetic on columns of boxes is slow.
    left, top, right, bottom = np.ascontiguousarray(a.T)[:, :, None]
    left_b, top_b, right_b, bottom_b = np.ascontiguousarray(b.T)
    inter = np.minimum(right, right_b)
    scratch = np.maximum(left, left_b)
    inter -= scratch
    height = np.minimum(bottom, bottom_b)
    height -= np.maximum(top, top_b, out=scratch)
    if inclusive:
        inter += a.dtype.type(1)
        height += a.dtype.type(1)
    np.maximum(inter, 0, out=inter)
    np.maximum(height, 0, out=height)
    inter *= height
    if method == "min":
        np.minimum(area_a[:, None], area_b, out=scratch)
    else:
        np.add(area_a[:, None], area_b, out=scratch)
        scratch -= inter
    nothing = scratch == 0
    if nothing.any():
        scratch[nothing] = 1
        inter[nothing] = 0
    share: Floats = np.divide(inter, scratch, out=inter)
    return share


def refine(boxes: Floats, offsets: Floats, *, inclusive: bool = False) -> Floats:
    """Move the corners by ``offsets``, which are shares of the box's width and height.

    Parameters
    ----------
    boxes, offsets
        (n, 4) each.

    Examples
    --------
    >>> refine(np.array([[0.0, 0.0, 10.0, 20.0]]), np.array([[0.1, 0.1, -0.1, 0.0]])).tolist()
    [[1.0, 2.0, 9.0, 20.0]]
    """
    sides = boxes[:, 2:] - boxes[:, :2] + boxes.dtype.type(1 if inclusive else 0)
    moved: Floats = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return moved


def square(boxes: Floats) -> Floats:
    """Widen the shorter side about the centre.

    Examples
    --------
    >>> square(np.array([[0.0, 0.0, 2.0, 6.0]])).tolist()
    [[-2.0, 0.0, 4.0, 6.0]]
    """
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def square_rounded(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Widen the shorter side as ZQCNN does: last pixels included, whole pixels, float32.

    Examples
    --------
    >>> square_rounded(np.float32([[0, 0, 1, 5]])).tolist()
    [[-2.0, 0.0, 3.0, 5.0]]
    """
    one = np.float32(1)
    sides = boxes[:, 2:] - boxes[:, :2] + one
    side = sides.max(axis=1, keepdims=True)
    # The original mixes float variables with double constants: one rounding at the end.
    half = sides.astype(np.float64) * 0.5 - side.astype(np.float64) * 0.5
    corner = (boxes[:, :2] + half).astype(np.float32)
    return round_half_away(np.concatenate([corner, corner + side - one], axis=1))
