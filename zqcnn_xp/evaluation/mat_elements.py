"""The elements of a MATLAB 5 file, walked over without making arrays of them.

A size in such a file may be a mistake or an attack: a cell array of a billion elements takes forty
bytes to claim. So every size is held against the bytes that are there before a reader sees it.
The format: MathWorks, "MAT-File Format", level 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from zqcnn_xp.errors import DatasetError

__all__ = ["HEADER", "Element", "check_array", "elements"]

HEADER = 128
"""Bytes before the first element."""

MATRIX, COMPRESSED = 14, 15
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Bytes of one value of each type that holds numbers or text."""
_INT8, _INT32, _UINT32 = 1, 5, 6
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800
_DEEPEST = 16
_MOST_DIMENSIONS = 32


class Element(NamedTuple):
    """One element: its type, its data, and where it ends in what holds it."""

    type: int
    data: memoryview
    end: int


class _Walk:
    """Where a walk is, for messages, and how many arrays it may still meet."""

    def __init__(self, file: str, order: str, arrays: int) -> None:
        self.file = file
        self.order = order
        self.arrays = arrays
        self.where = ""

    def error(self, found: str, expected: str) -> DatasetError:
        return DatasetError(self.file, self.where, found, expected)

    def element(self, data: memoryview, at: int, *, padded: bool = True) -> Element:
        """Read a tag at a place; its data must lie within ``data``."""
        if len(data) - at < 8:
            raise self.error(f"{len(data) - at} bytes", "the 8 of an element's tag")
        kind, size = struct.unpack_from(self.order + "II", data, at)
        if kind >> 16:  # the short form: up to four bytes of data within the tag
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise self.error(f"a short element of {size} bytes", "at most 4")
            return Element(kind, data[at + 4 : at + 4 + size], at + 8)
        start = at + 8
        if size > len(data) - start:
            raise self.error(f"an element of {size:,} bytes", f"at most {len(data) - start:,}")
        end = start + size
        if padded:
            end = min(len(data), -(-end // 8) * 8)
        return Element(kind, data[start : start + size], end)


def elements(
    file: str, data: memoryview, order: str, budget: int
) -> Iterator[tuple[int, memoryview]]:
    """Yield the arrays at the top of a file: where each begins, and its bytes, tag and all.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.
    order
        ``"<"`` or ``">"``.
    budget
        Bytes that may be inflated in all.

    Raises
    ------
    DatasetError
        Naming the byte where the element begins.
    """
    walk = _Walk(file, order, 0)
    at = HEADER
    while at < len(data):
        walk.where = f"byte {at}"
        found = walk.element(data, at)
        if found.type == MATRIX:
            yield at, data[at : found.end]
        elif found.type == COMPRESSED:
            # These alone are not padded to eight bytes.
            start = at + 8
            whole = _inflated(walk, found.data, budget)
            budget -= len(whole)
            yield at, whole
            at = start + len(found.data)
            continue
        else:
            raise walk.error(f"an element of type {found.type}", "14 (array) or 15 (compressed)")
        at = found.end


def _inflated(walk: _Walk, data: memoryview, budget: int) -> memoryview:
    """Inflate one element: as much as its own tag says, and never more than the budget."""
    inflater = zlib.decompressobj()
    try:
        tag = inflater.decompress(data, 8)
        if len(tag) < 8:
            raise walk.error(f"{len(tag)} inflated bytes", "the 8 of an element's tag")
        kind, size = struct.unpack(walk.order + "II", tag)
        if kind != MATRIX:
            raise walk.error(f"a compressed element of type {kind}", "14 (array)")
        if size + 8 > budget:
            raise walk.error(f"an array of {size:,} bytes", f"at most {max(0, budget - 8):,}")
        body = inflater.decompress(inflater.unconsumed_tail, size) if size else b""
        more = inflater.decompress(inflater.unconsumed_tail, 8)
    except zlib.error as error:
        raise walk.error(f"damaged compressed data ({error})", "zlib data") from None
    # Some writers count the padding of the last part in, some do not.
    if len(body) != size or len(more) > 7:
        found = f"{len(body):,} inflated bytes" if len(body) != size else "more inflated bytes"
        raise walk.error(found, f"{size:,}")
    if not inflater.eof:
        raise walk.error("a compressed element that ends too early", "its checksum")
    return memoryview(tag + body)


def check_array(file: str, where: str, data: memoryview, order: str, arrays: int) -> int:
    """Check all sizes within one array; return how many arrays there are in it, itself included.

    Parameters
    ----------
    file, where
        For messages.
    data
        The array's element with its tag.
    order
        ``"<"`` or ``">"``.
    arrays
        How many arrays there may be.

    Raises
    ------
    DatasetError
        A size that the bytes do not bear out, a kind of array that holds no numbers or text
        (sparse, object, function handle), too deep a nest, too many arrays.
    """
    walk = _Walk(file, order, arrays)
    walk.where = where
    _check(walk, walk.element(data, 0).data, 0)
    return arrays - walk.arrays


def _check(walk: _Walk, data: memoryview, depth: int) -> None:
    walk.arrays -= 1
    if walk.arrays < 0:
        raise walk.error("more arrays within arrays", "fewer")
    if depth > _DEEPEST:
        raise walk.error(f"arrays in more than {_DEEPEST} others", "fewer")
    if not data:  # how an empty cell is written
        if depth == 0:
            raise walk.error("an array without a header", "its class and size")
        return
    kind, dimensions, at = _array_header(walk, data)
    flags, kind = kind, kind & 0xFF
    count = prod(dimensions)
    if kind in _NUMERIC:
        for _ in range(2 if flags & _COMPLEX else 1):
            part = walk.element(data, at)
            size = _SIZES.get(part.type)
            if size is None or len(part.data) != size * count:
                found = f"{len(part.data):,} bytes of type {part.type}"
                raise walk.error(found, f"{count:,} numbers")
            at = part.end
    elif kind == _CHAR:
        part = walk.element(data, at)
        if part.type not in _SIZES or count > len(part.data):
            found = f"{len(part.data):,} bytes of type {part.type}"
            raise walk.error(found, f"{count:,} characters")
    elif kind in (_CELL, _STRUCT):
        if kind == _STRUCT:
            fields, at = _fields(walk, data, at)
            count *= fields
            # Without a field nothing stands for the elements, which would cost memory all the same.
            if not fields and prod(dimensions) > 1:
                raise walk.error("a structure array without fields", "fields")
        if count > (len(data) - at) // 8:
            raise walk.error(f"{len(data) - at:,} bytes", f"{count:,} arrays")
        for _ in range(count):
            part = walk.element(data, at)
            if part.type != MATRIX:
                raise walk.error(f"an element of type {part.type}", "14 (array)")
            _check(walk, part.data, depth + 1)
            at = part.end
    else:
        raise walk.error(f"an array of class {kind}", "numbers, text, cells or structures")


def _array_header(walk: _Walk, data: memoryview) -> tuple[int, list[int], int]:
    """Read flags, dimensions and name; return the first two, and where the name ends."""
    flags = walk.element(data, 0)
    if flags.type != _UINT32 or len(flags.data) != 8:
        found = f"{len(flags.data)} bytes of type {flags.type}"
        raise walk.error(found, "8 bytes of array flags")
    dims = walk.element(data, flags.end)
    ndim, odd = divmod(len(dims.data), 4)
    if dims.type != _INT32 or odd or not 2 <= ndim <= _MOST_DIMENSIONS:
        found = f"{len(dims.data)} bytes of type {dims.type}"
        raise walk.error(found, "the dimensions, 4 bytes each")
    sizes = list(struct.unpack(f"{walk.order}{ndim}i", dims.data))
    if min(sizes) < 0:
        raise walk.error(f"dimensions {sizes}", "sizes of at least 0")
    name = walk.element(data, dims.end)
    if name.type not in (_INT8, 2, 16):
        raise walk.error(f"a name of type {name.type}", "text")
    (word,) = struct.unpack_from(walk.order + "I", flags.data)
    return word, sizes, name.end


def _fields(walk: _Walk, data: memoryview, at: int) -> tuple[int, int]:
    """Read the field names of a structure; return how many there are, and where they end."""
    length = walk.element(data, at)
    if length.type != _INT32 or len(length.data) != 4:
        raise walk.error(f"{len(length.data)} bytes of type {length.type}", "a name's length")
    (each,) = struct.unpack(walk.order + "i", length.data)
    names = walk.element(data, length.end)
    if not 1 <= each <= 256 or len(names.data) % each:
        raise walk.error(f"field names of {each} in {len(names.data)} bytes", "whole names")
    return len(names.data) // each, names.end
