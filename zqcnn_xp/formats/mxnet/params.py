"""The arrays of a .params file: a list of NDArrays and their names, little-endian.

Layout: uint64 magic 0x112, uint64 reserved, uint64 count, the arrays, uint64 count, the names
(uint64 length, bytes). An array starts with its version: 0xF993FAC8 (64-bit sizes), 0xF993FAC9
(a storage type before them), 0xF993FACA (the same, with NumPy's rules for shapes), or, in the
oldest files, with its number of axes and 32-bit sizes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import Source

__all__ = ["MAGIC", "Params", "parse_params"]

MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_MOST_AXES = 8
_TYPES: dict[int, tuple[str, int]] = {
    0: ("<f4", 4),
    1: ("<f8", 8),
    2: ("<f2", 2),
    3: ("u1", 1),
    4: ("<i4", 4),
    5: ("i1", 1),
    6: ("<i8", 8),
    7: ("?", 1),
    12: ("bfloat16", 2),
}


@dataclass(frozen=True, eq=False)
class Params:
    """Arrays by name, without ``arg:`` and ``aux:``.

    Parameters
    ----------
    file
        Name of the file.
    arrays
        float32.
    """

    file: str
    arrays: dict[str, NDArray[np.float32]]


class _Cursor:
    """Numbers from bytes, each compared with what remains first."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.offset = 0

    def error(self, found: str, expected: str, offset: int | None = None) -> FormatError:
        where = f"byte {self.offset if offset is None else offset}"
        return FormatError(self.source.name, where, found, expected)

    def need(self, size: int, what: str) -> int:
        """Move on by ``size`` bytes; return where they start."""
        start, remaining = self.offset, len(self.source.data) - self.offset
        if size > remaining:
            raise self.error(f"{remaining:,} bytes for {what}", f"{size:,} bytes")
        self.offset += size
        return start

    def take(self, form: str, what: str) -> tuple[Any, ...]:
        start = self.need(struct.calcsize(form), what)
        return struct.unpack_from(form, self.source.data, start)


def parse_params(source: Source, limits: Limits) -> Params:
    """Read a .params file.

    Parameters
    ----------
    source
        Its bytes.
    limits
        ``max_tensors``, ``max_elements`` and ``max_name`` are checked here.

    Returns
    -------
    Params
        Every array as float32, whatever type it is stored in.

    Raises
    ------
    FormatError
        If the file ends too early or too late, or holds a sparse array: names the byte.
    """
    cursor = _Cursor(source)
    magic, _ = cursor.take("<QQ", "the header")
    if magic != MAGIC:
        raise cursor.error(f"magic 0x{magic:x}", f"0x{MAGIC:x}, a list of NDArrays", 0)
    count = _count(cursor, "arrays", limits)
    arrays = [_array(cursor, index, limits) for index in range(count)]
    names = _count(cursor, "names", limits)
    if names != count:
        found = f"{count:,} arrays and {names:,} names"
        raise cursor.error(found, "a name for each array")
    found_arrays: dict[str, NDArray[np.float32]] = {}
    for array in arrays:
        name = _name(cursor, limits)
        if name in found_arrays:
            raise cursor.error(f"a second array named {name!r}", "unique names")
        found_arrays[name] = array
    if cursor.offset != len(source.data):
        rest = len(source.data) - cursor.offset
        raise cursor.error(f"{rest:,} bytes behind the last name", "the end of the file")
    return Params(source.name, found_arrays)


def _count(cursor: _Cursor, what: str, limits: Limits) -> int:
    start = cursor.offset
    (count,) = cursor.take("<Q", f"the number of {what}")
    if count > limits.max_tensors:
        expected = f"at most {limits.max_tensors:,} (Limits.max_tensors)"
        raise cursor.error(f"{count:,} {what}", expected, start)
    return int(count)


def _array(cursor: _Cursor, index: int, limits: Limits) -> NDArray[np.float32]:
    start = cursor.offset
    label = f"array {index}"
    (version,) = cursor.take("<I", label)
    if version in (_V2, _V3):
        (storage,) = cursor.take("<i", label)
        if storage not in (0, -1):
            found = f"storage type {storage} of {label}"
            raise cursor.error(found, "0, a dense array", start)
    sizes: tuple[int, ...]
    if version in (_V1, _V2, _V3):
        (axes,) = cursor.take("<i", label)
        _check_axes(cursor, axes, label, start)
        sizes = cursor.take(f"<{axes}q", label) if axes > 0 else ()
    else:
        axes = version
        _check_axes(cursor, axes, label, start)
        sizes = cursor.take(f"<{axes}I", label)
    if axes == -1 or (axes == 0 and version != _V3):
        # An array that was never set: nothing follows.
        return np.zeros((0,), np.float32)
    _, _, kind = cursor.take("<iii", label)
    if kind not in _TYPES:
        known = ", ".join(name for name, _ in _TYPES.values())
        raise cursor.error(f"type {kind} of {label}", f"one of {known}", start)
    if min(sizes, default=1) < 0 or prod(sizes) > limits.max_elements:
        expected = f"sizes of at most {limits.max_elements:,} elements (Limits.max_elements)"
        raise cursor.error(f"shape {sizes} of {label}", expected, start)
    name, width = _TYPES[kind]
    place = cursor.need(prod(sizes) * width, f"{label} of shape {sizes}")
    if name == "bfloat16":
        # The upper half of a float32.
        halves = np.frombuffer(cursor.source.data, "<u2", prod(sizes), place)
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(sizes)
    flat = np.frombuffer(cursor.source.data, name, prod(sizes), place)
    return flat.astype(np.float32).reshape(sizes)


def _check_axes(cursor: _Cursor, axes: int, label: str, start: int) -> None:
    if not -1 <= axes <= _MOST_AXES:
        found = f"{axes} axes of {label}"
        raise cursor.error(found, f"at most {_MOST_AXES}, or a known version", start)


def _name(cursor: _Cursor, limits: Limits) -> str:
    start = cursor.offset
    (length,) = cursor.take("<Q", "the length of a name")
    if length > limits.max_name:
        expected = f"at most {limits.max_name} (Limits.max_name)"
        raise cursor.error(f"a name of {length:,} bytes", expected, start)
    place = cursor.need(length, "a name")
    raw = cursor.source.data[place : place + length]
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise cursor.error(f"name {raw[:64]!r}", "text in UTF-8", start) from error
    return name.removeprefix("arg:").removeprefix("aux:")
