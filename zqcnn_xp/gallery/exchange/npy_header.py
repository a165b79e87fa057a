"""Headers of .npy files, read with suspicion: what they claim is compared with what is there."""

from __future__ import annotations

import warnings
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.source import checked_dim

__all__ = ["Header", "feature_header", "read_header", "text_header"]

_WRONG_LITERALS = (TokenError, SyntaxError, ValueError, TypeError, KeyError, RecursionError)
_MAX_ITEM = 4 << 16  # a name's characters, four bytes each


class Header(NamedTuple):
    """What a .npy file says of itself.

    Attributes
    ----------
    shape, fortran, dtype
        As in NumPy.
    size
        Bytes of the header.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int

    @property
    def values(self) -> int:
        """Number of values, exact however large it is."""
        count = 1
        for side in self.shape:
            count *= side
        return count


def read_header(file: IO[bytes], name: str, total: int) -> Header:
    """Read the header of a .npy file and see whether its array fills the file.

    Parameters
    ----------
    file
        A stream at the beginning of the file.
    name, total
        Its name for messages, and its size in bytes.

    Raises
    ------
    DatasetError
        If it is no .npy file, holds Python objects, or claims another number of bytes than remain.
    """
    counted = _Counted(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of Python 2
            version = npy.read_magic(counted)
            if version == (1, 0):
                shape, fortran, dtype = npy.read_array_header_1_0(counted)
            elif version == (2, 0):
                shape, fortran, dtype = npy.read_array_header_2_0(counted)
            else:  # 3.0 is for field names, which features have none of
                found = f"version {version[0]}.{version[1]}"
                raise DatasetError(name, "byte 6", found, "1.0 or 2.0")
    except DatasetError:
        raise
    # A literal that goes wrong does so in many ways.
    except (*_WRONG_LITERALS, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise DatasetError(name, "byte 0", f"no .npy header ({reason})", "one") from error
    header = Header(shape, bool(fortran), dtype, counted.size)
    if dtype.hasobject or dtype.itemsize == 0:
        raise DatasetError(name, "byte 10", f"values of type {dtype}", "numbers or text")
    if any(side < 0 for side in shape):
        raise DatasetError(name, "byte 10", f"the shape {shape}"[:200], "sides of 0 or more")
    size, left = header.values * dtype.itemsize, total - header.size
    if size != left:
        found = f"{left} bytes that remain"
        expected = f"{size} for {dtype} of shape {shape}"[:200]
        raise DatasetError(name, f"byte {header.size}", found, expected)
    return header


class _Counted:
    """A stream that counts what is read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.size += len(data)
        return data


def feature_header(header: Header, name: str) -> int:
    """Return the length of a feature if an array holds features: (n, d) of a float type."""
    if len(header.shape) != 2 or header.dtype.kind != "f" or header.dtype.itemsize > 8:
        found = f"{header.dtype} of shape {header.shape}"[:200]
        raise DatasetError(name, "byte 10", found, "(n, d) of float16, float32 or float64")
    return checked_dim(header.shape[1], name, "byte 10")


def text_header(header: Header, name: str, count: int) -> None:
    """Raise `DatasetError` unless an array holds ``count`` strings."""
    kind, width = header.dtype.kind, header.dtype.itemsize
    if header.shape != (count,) or kind not in "US" or width > _MAX_ITEM:
        found = f"{header.dtype} of shape {header.shape}"[:200]
        raise DatasetError(
            name, "byte 10", found, f"({count},) strings of {_MAX_ITEM} bytes at most"
        )
