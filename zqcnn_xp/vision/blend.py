"""The arithmetic of bilinear samples of packed pixels: four neighbours, two shares, one result.

Sampling is bound by passes over memory, so there are as few as the result allows: words become
floats by masks (`packed.spread`), the difference of two neighbours is taken before their offset is
removed, and what channels are scaled by, powers of two, waits for the last product, where it
changes no rounding. Every value is the float32 ``a + (b - a) * share``, along x first, then y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.packed import SPREAD_OFFSET, SPREAD_SCALE, Words, spread
from zqcnn_xp.vision.workspace import Workspace

__all__ = ["blend", "blend_at", "scratch_for"]

Float32 = NDArray[np.float32]

_MIDDLE = 127.5
# The first channel's offset and middle have no sum in float32: they are subtracted one by one.
_ALONE = np.float32(_MIDDLE)
_OFFSET = (SPREAD_OFFSET + _MIDDLE * SPREAD_SCALE * (0, 1, 1)).astype(np.float32)
_SCALE = (1 / (128 * SPREAD_SCALE)).astype(np.float32)


def scratch_for(words: Words, work: Workspace) -> Float32:
    """Return what `blend` needs to work in for words of this shape."""
    return work.array("floats", (3, *words.shape), "<f4")


def blend(
    words: Words,
    x_share: Float32,
    y_share: Float32,
    out: Float32,
    scratch: Float32,
    *,
    x_beyond: int = 0,
    y_beyond: int = 0,
) -> None:
    """Blend the four neighbours of every place.

    Parameters
    ----------
    words
        (2, 2, ..., rows, columns) packed pixels: left and right, each upper and lower;
        overwritten.
    x_share, y_share
        Shares of the right and the lower neighbours, of a shape that goes with (rows, columns).
    out
        (3, ..., rows, columns) float32, any strides: where ``(v - 127.5) / 128`` goes.
    scratch
        From `scratch_for`; overwritten.
    x_beyond, y_beyond
        So many of the last columns and rows have a second neighbour of value 0, whatever
        ``words`` says.

    Examples
    --------
    >>> from zqcnn_xp.vision.packed import pack
    >>> words = pack(np.uint8([[[0, 0, 0], [255, 255, 0]], [[0, 0, 0], [255, 0, 255]]]))
    >>> words = np.ascontiguousarray(words.T).reshape(2, 2, 1, 1)
    >>> out = np.empty((3, 1, 1), np.float32)
    >>> share = np.float32(0.5)
    >>> blend(words, share, share, out, scratch_for(words, Workspace()))
    >>> (out * 128 + 127.5).ravel().tolist()
    [127.5, 63.75, 63.75]
    """
    spread(words, scratch)
    channel = (slice(None), *(None,) * (words.ndim - 2))
    left, right = scratch[:, 0], scratch[:, 1]
    right -= left
    left -= _OFFSET[channel][:, None]
    left[0] -= _ALONE
    if x_beyond:
        np.negative(left[..., -x_beyond:], out=right[..., -x_beyond:])
    right *= x_share
    left += right
    upper, lower = left[:, 0], left[:, 1]
    if y_beyond:
        lower[..., -y_beyond:, :] = 0
    lower -= upper
    lower *= y_share
    upper += lower
    np.multiply(upper, _SCALE[channel], out=out)


def blend_at(
    source: Words,
    index: NDArray[np.intp],
    x_share: Float32,
    y_share: Float32,
    out: Float32,
    work: Workspace,
) -> None:
    """Sample an image at any places.

    Parameters
    ----------
    source
        (H, W) packed pixels.
    index
        Which pixel, row by row, is the upper left neighbour; any shape.
    x_share, y_share
        Shares of the right and the lower neighbours, of the shape of ``index``. Where those would
        lie outside the image the share has to be 0.
    out
        (3, ...) float32, any strides: where ``(v - 127.5) / 128`` goes.
    work
        Buffers.

    Examples
    --------
    >>> from zqcnn_xp.vision.packed import pack
    >>> source = pack(np.uint8([[[0, 0, 0], [255, 255, 0]]]))
    >>> out, half, none = np.empty((3, 2), np.float32), np.float32([0.5, 0]), np.zeros(2)
    >>> blend_at(source, np.array([0, 1]), half, none.astype(np.float32), out, Workspace())
    >>> (out * 128 + 127.5).tolist()
    [[127.5, 255.0], [127.5, 255.0], [0.0, 0.0]]
    """
    flat = source.reshape(-1)
    words = work.array("words", (2, 2, *index.shape), source.dtype)
    for right in (0, 1):
        for lower in (0, 1):
            # Neighbours lie at fixed distances: all four share the indices. The mode spares a
            # copy, and lets places without a share be any.
            pixels = flat[min(lower * source.shape[1] + right, flat.size - 1) :]
            pixels.take(index, out=words[right, lower], mode="clip")
    blend(words, x_share, y_share, out, scratch_for(words, work))
