"""Colour images as one 32-bit word a pixel, so that a gather fetches a pixel at once.

Sampling an image at computed places is most of a detector's work outside its networks. NumPy
fetches 4-byte words several times faster than triples of bytes, and one copy can reorder the
channels and exchange rows with columns on its way.

A word holds the channels in its three lower bytes, the first lowest, and in its upper byte the
sign and exponent of 2**23 as a float32. A word without its two middle bytes is then, read as a
float32, 2**23 plus the first channel: `spread` turns words into floats by masks, without shifts
and conversions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import ImageError

__all__ = ["SPREAD_OFFSET", "SPREAD_SCALE", "halve", "pack", "spread", "unpack"]

Words = NDArray[np.uint32]
Float32 = NDArray[np.float32]

# Bytes are named by their weight, so that words mean the same whatever the machine's byte order.
_WORD = np.dtype("<u4")
_COLOUR = np.uint32(0x00FFFFFF)
_EXPONENT = np.uint32(0x4B000000)
_FIRST = np.uint32(0xFF0000FF)
_SECOND = np.uint32(0xFF00FF00)
_SIXTEEN = np.uint32(16)

SPREAD_OFFSET = np.array([2.0**23, 2.0**23, 0x4B00])
"""What `spread` adds to each channel; all sums are exact in float32."""
SPREAD_SCALE = np.array([1.0, 256.0, 1.0])
"""What `spread` multiplies each channel with before."""

_LANES = np.uint32(0x00FF00FF)
_HALF = np.uint32(0x00020002)
_EIGHT = np.uint32(8)
_TWO = np.uint32(2)
# Pixels packed or halved at a time: temporaries stay in the cache, and small beside a huge image.
_STRIP = 1 << 16


def pack(image: NDArray[np.uint8], *, reverse: bool = False, transpose: bool = False) -> Words:
    """Pack an image of three channels into words.

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
    height, width, _ = image.shape
    words = np.empty(height * width, _WORD)
    if not words.size:
        return words.reshape((width, height) if transpose else (height, width))
    flat = np.ascontiguousarray(image).reshape(-1)
    # Words are read where the bytes lie, one every three bytes: a pixel and a byte of the next
    # one, or, with the bytes in reversed order, a byte of the one before. The last pixel, or the
    # first, has no such neighbour.
    most = words.size - 1
    seen = np.ndarray((most,), ">u4" if reverse else _WORD, flat, 2 * reverse, (3,))
    here = words[1:] if reverse else words[:-1]
    for begin in range(0, most, _STRIP):
        part = here[begin : begin + _STRIP]
        part[...] = seen[begin : begin + _STRIP]
        part &= _COLOUR
        part |= _EXPONENT
    if reverse:
        words[0] = int.from_bytes(flat[:3].tobytes(), "big") | int(_EXPONENT)
    else:
        words[-1] = int.from_bytes(flat[-3:].tobytes(), "little") | int(_EXPONENT)
    made = words.reshape(height, width)
    return np.ascontiguousarray(made.T) if transpose else made


def unpack(words: Words) -> NDArray[np.uint8]:
    """Return the three channels of packed pixels, (..., 3) uint8; a view.

    Examples
    --------
    >>> unpack(pack(np.uint8([[[1, 2, 3]]]))).tolist()
    [[[1, 2, 3]]]
    """
    return words.astype(_WORD, copy=False)[..., None].view(np.uint8)[..., :3]


def spread(words: Words, out: Float32) -> None:
    """Write each channel of packed pixels as floats, times a scale and plus an offset.

    Parameters
    ----------
    words
        Packed pixels of any shape; overwritten.
    out
        (3, ...) float32 of 4 little-endian bytes. Channel c becomes
        ``v * SPREAD_SCALE[c] + SPREAD_OFFSET[c]``.

    Examples
    --------
    >>> out = np.empty((3, 1), np.float32)
    >>> spread(pack(np.uint8([[[7, 8, 9]]]))[0], out)
    >>> ((out[:, 0] - SPREAD_OFFSET) / SPREAD_SCALE).tolist()
    [7.0, 8.0, 9.0]
    """
    bits = out.view(_WORD)
    np.bitwise_and(words, _FIRST, out=bits[0])
    np.bitwise_and(words, _SECOND, out=bits[1])
    np.right_shift(words, _SIXTEEN, out=words)
    out[2] = words.view("<i4")  # a signed conversion is one instruction


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
    out = np.empty(((height + 1) // 2, (width + 1) // 2), _WORD)
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
