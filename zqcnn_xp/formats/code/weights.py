"""Weights as text in a module, and back: zlib, then base 85, in lines."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError

__all__ = ["Take", "pack", "unpack"]

WIDTH = 100


class Take(Protocol):
    """``take(*shape)`` returns the next float32 array; ``half=True`` reads it from float16."""

    def __call__(self, *shape: int, half: bool = False) -> NDArray[np.float32]:
        """Return the next array."""
        ...


def pack(arrays: list[NDArray[Any]]) -> tuple[Iterator[str], int]:
    """Return lines of text for arrays of float32 and float16, and how many bytes they hold.

    The alphabet of base 85 (RFC 1924) has no quotes and no backslash, so the lines can stand
    between three quotes.
    """
    order = (array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays)
    data = b"".join(array.tobytes() for array in order)
    text = base64.b85encode(zlib.compress(data, 9)).decode("ascii")
    return (text[start : start + WIDTH] for start in range(0, len(text), WIDTH)), len(data)


def unpack(text: str, size: int) -> Take:
    """Return a function that takes the arrays of a module from its text, one after the other.

    Parameters
    ----------
    text
        As `pack` makes it; blanks and line ends do not count.
    size
        Bytes that it holds.

    Raises
    ------
    FormatError
        If the text is damaged, and from ``take`` if more is asked for than there is.

    Examples
    --------
    >>> lines, size = pack([np.float32([1, 2, 3])])
    >>> unpack("".join(lines), size)(3)
    array([1., 2., 3.], dtype=float32)
    """
    data = _decode(text, size)
    offset = 0

    def take(*shape: int, half: bool = False) -> NDArray[np.float32]:
        nonlocal offset
        dtype = np.dtype("<f2" if half else "<f4")
        count = prod(shape)
        if offset + count * dtype.itemsize > len(data):
            found = f"{len(data) - offset:,} bytes for an array of shape {shape}"
            raise FormatError("weights", f"byte {offset}", found, f"{count * dtype.itemsize:,}")
        array = np.frombuffer(data, dtype, count, offset).reshape(shape)
        offset += count * dtype.itemsize
        return array.astype(np.float32)

    return take


def _decode(text: str, size: int) -> bytes:
    try:
        packed = base64.b85decode("".join(text.split()))
        inflate = zlib.decompressobj()
        # One byte too many is the proof that there are more, without making them all.
        data = inflate.decompress(packed, size + 1)
    except (ValueError, zlib.error) as error:
        raise FormatError("weights", "", f"damaged text ({error})", "base 85 of zlib") from error
    if len(data) != size or (size and not inflate.eof):
        found = f"{len(data):,} bytes" if len(data) <= size else f"more than {size:,} bytes"
        raise FormatError("weights", "", found, f"{size:,}")
    return data
