"""Many boxes of one image, each resized to the same small square, in a few gathers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.blend import blend_at
from zqcnn_xp.vision.packed import Words
from zqcnn_xp.vision.resize import Float32, positions, taps
from zqcnn_xp.vision.workspace import Workspace

__all__ = ["crop_resize"]

_PIXELS = 1 << 14  # output pixels sampled at a time: the temporaries stay in the cache


def crop_resize(
    source: Words,
    boxes: NDArray[np.floating],
    size: int,
    *,
    accumulate: bool = False,
    out: Float32 | None = None,
    work: Workspace | None = None,
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
        Where to write, (n, size, size, 3) float32, of any strides. Pixels are written a channel
        at a time, so that a transposed (n, 3, size, size) is quickest.
    work
        Buffers to use again from call to call.

    Returns
    -------
    ndarray
        (n, size, size, 3) float32, ``(v - 127.5) / 128``; not ``out``: a transposed
        (n, 3, size, size).

    Examples
    --------
    >>> from zqcnn_xp.vision.packed import pack
    >>> image = np.full((4, 4, 3), 255, np.uint8)
    >>> crop_resize(pack(image), np.array([[-2.0, 0.0, 2.0, 4.0]]), 2).shape
    (1, 2, 2, 3)
    """
    n = boxes.shape[0]
    width = source.shape[1]
    if out is None:
        out = np.empty((n, 3, size, size), np.float32).transpose(0, 2, 3, 1)
    if not n:
        return out
    # Both axes at once: x, then y.
    begins, ends = boxes.T[:2], boxes.T[2:]
    at = positions(size, ends - begins, begins, accumulate=accumulate)
    found = taps(at, np.array(source.shape[::-1])[:, None, None])
    (x_first, y_first), (x_share, y_share) = found.first, found.inside
    y_first *= width
    work = Workspace() if work is None else work
    step = max(1, _PIXELS // (size * size))
    for begin in range(0, n, step):
        end = min(begin + step, n)
        shape = (end - begin, size, size)
        index = work.array("index", shape, np.intp)
        np.add(y_first[begin:end, :, None], x_first[begin:end, None, :], out=index)
        # Written out over the crops: products over rows of so few pixels would be all overhead.
        shares = work.array("shares", (2, *shape))
        shares[0] = x_share[begin:end, None, :]
        shares[1] = y_share[begin:end, :, None]
        planes = out[begin:end].transpose(3, 0, 1, 2)
        blend_at(source, index, shares[0], shares[1], planes, work)
    return out
