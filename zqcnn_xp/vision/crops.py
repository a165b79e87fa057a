"""Many boxes of one image, each resized to the same small square, in a few gathers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.packed import Words
from zqcnn_xp.vision.resize import Float32, Taps, normalised, positions, taps

__all__ = ["crop_resize"]

_PIXELS = 1 << 14  # output pixels sampled at a time: the temporaries stay in the cache


def crop_resize(
    source: Words,
    boxes: NDArray[np.floating],
    size: int,
    *,
    accumulate: bool = False,
    out: Float32 | None = None,
) -> Float32:
    """Sample boxes of an image bilinearly; places outside the image repeat its edge.

    Parameters
    ----------
    source
        (H, W) packed pixels.
    boxes
        (n, 4) x1, y1, x2, y2 in pixels of ``source``, of any size and place.
    size
        Side of the results.
    accumulate
        Coordinates summed up in float32, see `resize.positions`.
    out
        Where to write, (n, size, size, 3) float32.

    Returns
    -------
    ndarray
        (n, size, size, 3) float32, ``(v - 127.5) / 128``.

    Examples
    --------
    >>> from zqcnn_xp.vision.packed import pack
    >>> image = np.full((4, 4, 3), 255, np.uint8)
    >>> crop_resize(pack(image), np.array([[-2.0, 0.0, 2.0, 4.0]]), 2).shape
    (1, 2, 2, 3)
    """
    n = boxes.shape[0]
    height, width = source.shape
    if out is None:
        out = np.empty((n, size, size, 3), np.float32)
    flat = source.reshape(-1)
    step = max(1, _PIXELS // (size * size))
    for begin in range(0, n, step):
        some = boxes[begin : begin + step]
        extent = some[:, 2:] - some[:, :2]
        x = taps(positions(size, extent[:, 0], some[:, 0], accumulate=accumulate), width)
        y = taps(positions(size, extent[:, 1], some[:, 1], accumulate=accumulate), height)
        upper = _row(flat, y.first, x, width)
        lower = _row(flat, y.second, x, width)
        lower -= upper
        lower *= y.share[:, :, None, None]
        upper += lower
        out[begin : begin + step] = upper[..., :3]
    return out


def _row(flat: Words, y: NDArray[np.intp], x: Taps, width: int) -> Float32:
    """Blend along x at the rows ``y`` (n, size): (n, size, size, 4)."""
    begin = (y * width)[:, :, None]
    left = normalised(flat.take(begin + x.first[:, None, :]))
    right = normalised(flat.take(begin + x.second[:, None, :]))
    right -= left
    right *= x.share[:, None, :, None]
    left += right
    return left
