"""Colour images as one 32-bit word a pixel, so that a gather fetches a pixel at once.

Sampling an image at computed places is most of a detector's work outside its networks. NumPy
fetches 4-byte words several times faster than triples of bytes, and one copy can reorder the
channels and exchange rows with columns on its way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import ImageError

__all__ = ["halve", "pack", "unpack"]

Words = NDArray[np.uint32]

_LANES = np.uint32(0x00FF00FF)
_HALF = np.uint32(0x00020002)
_EIGHT = np.uint32(8)
_TWO = np.uint32(2)
# Pixels halved at a time: temporaries stay in the cache, and small beside a huge image.
_STRIP = 1 << 16


def pack(image: NDArray[np.uint8], *, reverse: bool = False, transpose: bool = False) -> Words:
    """Pack an image of three channels into words; the fourth byte is 0.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    reverse
        Exchange the first and the last channel: RGB to BGR or back.
    transpose
        Exchange rows and columns.

    Returns
    -------
    ndarray
        (H, W) uint32, or (W, H) if transposed.

    Raises
    ------
    ImageError
        If the array is not (H, W, 3) uint8.

    Examples
    --------
    >>> words = pack(np.uint8([[[1, 2, 3], [4, 5, 6]]]), reverse=True, transpose=True)
    >>> words.shape, unpack(words)[1, 0].tolist()
    ((2, 1), [6, 5, 4])
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        msg = f"found an image of shape {image.shape}, {image.dtype}, expected (H, W, 3) uint8"
        raise ImageError(msg)
    if transpose:
        image = image.transpose(1, 0, 2)
    height, width, _ = image.shape
    out = np.zeros((height, width, 4), np.uint8)
    # One strided copy a channel is faster than one copy of triples.
    for to in range(3):
        out[..., to] = image[..., 2 - to if reverse else to]
    return out.view(np.uint32)[..., 0]


def unpack(words: Words) -> NDArray[np.uint8]:
    """Return the three channels of packed pixels, (..., 3) uint8; a view.

    Examples
    --------
    >>> unpack(pack(np.uint8([[[1, 2, 3]]]))).tolist()
    [[[1, 2, 3]]]
    """
    return words[..., None].view(np.uint8)[..., :3]


def halve(words: Words) -> Words:
    """Halve an image: every pixel is the rounded mean of 2 x 2; an odd edge is repeated.

    The four bytes of a word are added in two groups of 16-bit lanes, which four bytes cannot
    overflow, so no wider array is made.

    Examples
    --------
    >>> image = np.uint8([[[0, 0, 0], [4, 8, 255]], [[2, 0, 255], [2, 0, 255]]])
    >>> unpack(halve(pack(image))).tolist()
    [[[2, 2, 191]]]
    """
    height, width = words.shape
    out = np.empty(((height + 1) // 2, (width + 1) // 2), np.uint32)
    step = max(1, _STRIP // max(width, 1))
    for begin in range(0, out.shape[0], step):
        _halve_rows(words[2 * begin : 2 * (begin + step)], out[begin : begin + step])
    return out


def _halve_rows(words: Words, out: Words) -> None:
    even, odd = words[0::2], words[1::2]
    if odd.shape[0] < even.shape[0]:
        odd = np.concatenate([odd, even[-1:]])
    low = (even & _LANES) + (odd & _LANES)
    high = ((even >> _EIGHT) & _LANES) + ((odd >> _EIGHT) & _LANES)
    np.bitwise_or(_mean(_pairs(low)), _mean(_pairs(high)) << _EIGHT, out=out)


def _pairs(lanes: Words) -> Words:
    left, right = lanes[:, 0::2], lanes[:, 1::2]
    if right.shape[1] < left.shape[1]:
        right = np.concatenate([right, left[:, -1:]], axis=1)
    return left + right


def _mean(lanes: Words) -> Words:
    return ((lanes + _HALF) >> _TWO) & _LANES
