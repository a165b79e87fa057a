"""Arrays of numbers of MATLAB 7.3 files, which are HDF5: what large features are saved as."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.hdf5_chunks import Chunks, cut, from_chunks
from zqcnn_xp.evaluation.hdf5_walk import Walk

__all__ = ["read_hdf5"]

_SPACE, _TYPE, _LAYOUT, _FILTERS = 0x1, 0x3, 0x8, 0xB
_FIXED, _FLOAT = 0, 1
_FLOATS = {2: (16, 5, 10), 4: (32, 8, 23), 8: (64, 11, 52)}
"""Bits of all, of the exponent and of the mantissa, by bytes."""
_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_MOST_DIMENSIONS = 32


def read_hdf5(
    file: str, data: bytes, names: Sequence[str], max_bytes: int
) -> dict[str, NDArray[Any]]:
    """Read arrays of numbers by their names.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.
    names
        Variables.
    max_bytes
        Bytes that the arrays may have in all.

    Returns
    -------
    dict of str to NDArray
        Of the shapes that MATLAB shows, in the byte order of this machine.

    Raises
    ------
    DatasetError
        A damaged file, a variable missing, one that holds no numbers (cells, structures), or sizes
        that the file does not bear out.
    """
    walk = Walk(file, data)
    there = walk.objects()
    missing = [name for name in names if name not in there]
    if missing:
        shown = ", ".join(sorted(name for name in there if name.isidentifier())) or "none of them"
        raise DatasetError(file, "", f"{shown:.200}", f"the variables {', '.join(missing)}")
    found: dict[str, NDArray[Any]] = {}
    for name in dict.fromkeys(names):
        found[name] = _array(walk, name, there[name], max_bytes)
        max_bytes -= found[name].nbytes
    return found


def _array(walk: Walk, name: str, address: int, max_bytes: int) -> NDArray[Any]:
    parts: dict[int, memoryview] = {}
    for kind, data in walk.messages(address):
        parts.setdefault(kind, data)
    walk.where = f"variable {name}"
    if not {_SPACE, _TYPE, _LAYOUT} <= set(parts):
        raise walk.error("a group, or an array without its size", "an array of numbers")
    try:
        dtype, shape = _dtype(walk, parts[_TYPE]), _shape(walk, parts[_SPACE])
        layout = _layout(walk, parts[_LAYOUT], len(shape), parts.get(_FILTERS))
    except (struct.error, IndexError):
        raise walk.error("a description that ends too early", "a whole one") from None
    size = prod(shape) * dtype.itemsize
    if not 0 < size <= max_bytes:
        raise walk.error(f"{size:,} bytes", f"some, and at most {max(0, max_bytes):,}")
    if isinstance(layout, Chunks):
        array = from_chunks(walk, dtype, shape, layout)
    elif len(layout) < size:
        raise walk.error(f"{len(layout):,} bytes", f"{size:,}")
    else:
        array = np.frombuffer(layout[:size], dtype).reshape(shape)
    # MATLAB keeps columns together, HDF5 rows: what is written is the transposed array.
    native: NDArray[Any] = np.ascontiguousarray(array.T, dtype.newbyteorder("="))
    return np.atleast_2d(native)


def _dtype(walk: Walk, data: memoryview) -> np.dtype[Any]:
    kind, flags = data[0] & 15, data[1]
    (size,) = struct.unpack_from("<I", data, 4)
    order = ">" if flags & 1 else "<"
    if kind == _FIXED and size in (1, 2, 4, 8):
        return np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}")
    if kind == _FLOAT and size in _FLOATS and not flags & 0x40:
        bits, exponent, mantissa = struct.unpack_from("<2xHxBxB", data, 8)
        if (bits, exponent, mantissa) == _FLOATS[size]:
            return np.dtype(f"{order}f{size}")
    found = f"elements of class {kind} with {size:,} bytes"
    raise walk.error(found, "integers or floats; save cells, text and structures with -v7")


def _shape(walk: Walk, data: memoryview) -> tuple[int, ...]:
    version, ndim = data[0], data[1]
    if version not in (1, 2) or not 1 <= ndim <= _MOST_DIMENSIONS:
        raise walk.error(f"{ndim} dimensions, version {version}", "some, version 1 or 2")
    sizes: tuple[int, ...] = struct.unpack_from(f"<{ndim}Q", data, 8 if version == 1 else 4)
    return sizes


def _layout(
    walk: Walk, data: memoryview, ndim: int, filters: memoryview | None
) -> memoryview | Chunks:
    """Return the data where they lie in one piece, or how they are cut."""
    version, kind = data[0], data[1]
    if version in (1, 2):  # of HDF5 1.6 and before
        count, kind, at = data[1], data[2], 8
        address = 0
        if kind != _COMPACT:
            (address,) = struct.unpack_from("<Q", data, at)
            at += 8
        sizes = struct.unpack_from(f"<{count}I", data, at)
        if kind == _CONTIGUOUS:
            return walk.part(address, prod(sizes)) if prod(sizes) else memoryview(b"")
        if kind == _CHUNKED:
            return cut(walk, address, sizes, ndim, filters)
    elif version == 3 and kind == _COMPACT:
        (size,) = struct.unpack_from("<H", data, 2)
        return data[4 : 4 + size]
    elif version == 3 and kind == _CONTIGUOUS:
        address, size = struct.unpack_from("<QQ", data, 2)
        return walk.part(address, size) if size else memoryview(b"")
    elif version == 3 and kind == _CHUNKED:
        (address,) = struct.unpack_from("<Q", data, 3)
        sizes = struct.unpack_from(f"<{data[2]}I", data, 11)
        return cut(walk, address, sizes, ndim, filters)
    raise walk.error(f"a layout {kind} of version {version}", "one that MATLAB writes")
