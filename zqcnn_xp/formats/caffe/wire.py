"""Protobuf's binary form (.caffemodel) to messages: every length is checked before it is used."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.formats.caffe.message import Message, Origin
from zqcnn_xp.formats.caffe.schema import field_numbers
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import Source

__all__ = ["parse_binary"]

_DEPTH = 16
_FIELDS_PER_LAYER = 6
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED32: 4, _FIXED64: 8}
_WEIGHTS = ("name", "blobs", "layer")
_DTYPES = {"f": "<f4", "d": "<f8"}


def parse_binary(source: Source, limits: Limits, weights_only: bool = False) -> Message:
    """Parse a network with its weights.

    Numbers of the weights stay in the file's bytes (views), until a layer takes them.

    Parameters
    ----------
    source, limits
        The file, and what it may ask for.
    weights_only
        Skip the parameters of layers: each fork numbers its own ones differently, and beside a
        definition in text they are not needed.

    Raises
    ------
    FormatError
        Naming the byte.
    """
    parser = _Parser(source, limits, weights_only)
    return parser.message("NetParameter", 0, len(source.data), 0)


class _Parser:
    def __init__(self, source: Source, limits: Limits, weights_only: bool) -> None:
        self.data = source.data
        self.origin = Origin(source.name)
        self.weights_only = weights_only
        self.limits = limits
        self.layers = 0
        self.left = _FIELDS_PER_LAYER * limits.max_layers

    def message(self, kind: str, start: int, end: int, depth: int) -> Message:
        """Read the fields between two bytes."""
        if depth > _DEPTH:
            raise self.origin.error(start, f"{_DEPTH} nested messages", "fewer")
        message = Message(kind, self.origin, start)
        known = field_numbers(kind)
        if self.weights_only and kind.endswith("LayerParameter"):
            known = {number: entry for number, entry in known.items() if entry[0] in _WEIGHTS}
        place = start
        while place < end:
            begin = place
            tag, place = self.varint(place, end)
            number, wire = tag >> 3, tag & 7
            name, value = known.get(number, ("", "-"))
            if not number or wire not in (_VARINT, _FIXED64, _BYTES, _FIXED32):
                found = f"field {number} of wire type {wire}"
                raise self.origin.error(begin, found, f"a field of {kind}")
            if wire == _VARINT:
                content, place = self.varint(place, end)
                stop = place
            else:
                size = _SIZES.get(wire, 0)
                if wire == _BYTES:
                    size, place = self.varint(place, end)
                if size > end - place:
                    found = f"{size:,} bytes in field {number} of {kind}"
                    raise self.origin.error(begin, found, f"at most the {end - place:,} there are")
                stop = place + size
                content = 0
            if value == "-":
                place = stop
                continue
            self._count(kind, name, begin)
            if wire == _FIXED32 and value == "f" and name == "data":
                stop = self._run_end(begin, place, end)
                message.add(name, self._strided(begin, place, stop), begin)
            else:
                piece = self._value(name, value, wire, content, place, stop, depth)
                message.add(name, piece, place)
            place = stop
        return message

    def _value(
        self, name: str, value: str, wire: int, content: int, place: int, stop: int, depth: int
    ) -> Any:
        if wire == _VARINT and value == "i":
            return content - (1 << 64) if content >> 63 else content
        if wire == _FIXED32 and value == "f":
            return float(struct.unpack_from("<f", self.data, place)[0])
        if wire == _FIXED64 and value == "d":
            return float(struct.unpack_from("<d", self.data, place)[0])
        if wire == _BYTES:
            if value == "s":
                return self._text(name, place, stop)
            if value == "i":
                return self._packed(place, stop)
            if value in _DTYPES:
                return self._floats(name, value, place, stop)
            if value == "raw":
                return memoryview(self.data)[place:stop]
            if value[:1].isupper():
                return self.message(value, place, stop, depth + 1)
        raise self.origin.error(place, f"{name} in wire type {wire}", f"a field of type {value!r}")

    def _text(self, name: str, place: int, stop: int) -> str:
        try:
            return self.data[place:stop].decode("utf-8")
        except UnicodeDecodeError as error:
            found = f"{name} that is not UTF-8 ({error.reason})"
            raise self.origin.error(place, found, "UTF-8 text") from error

    def _floats(self, name: str, value: str, place: int, stop: int) -> Any:
        array = np.dtype(_DTYPES[value])
        if (stop - place) % array.itemsize:
            expected = f"a multiple of {array.itemsize}"
            raise self.origin.error(place, f"{stop - place:,} bytes of {name}", expected)
        numbers = np.frombuffer(self.data, array, (stop - place) // array.itemsize, place)
        if name in ("data", "double_data"):
            return numbers
        self.left -= numbers.size
        self._count("", name, place)
        return numbers.astype(np.float64)

    def _packed(self, place: int, stop: int) -> NDArray[np.int64]:
        found: list[int] = []
        while place < stop:
            number, place = self.varint(place, stop)
            found.append(number - (1 << 64) if number >> 63 else number)
            self._count("", "", place)
        return np.asarray(found, np.int64)

    def _run_end(self, begin: int, place: int, end: int) -> int:
        """Return where a run of single floats of one field ends; old files hold such runs."""
        step = place - begin + 4
        most = (end - begin) // step
        rows = np.frombuffer(self.data, np.uint8, most * step, begin).reshape(most, step)
        same = (rows[:, : place - begin] == rows[0, : place - begin]).all(axis=1)
        count = most if same.all() else int(np.argmin(same))
        return begin + count * step

    def _strided(self, begin: int, place: int, stop: int) -> NDArray[np.float32]:
        step = place - begin + 4
        rows = np.frombuffer(self.data, np.uint8, stop - begin, begin).reshape(-1, step)
        return np.ascontiguousarray(rows[:, place - begin :]).view("<f4").reshape(-1)

    def varint(self, place: int, end: int) -> tuple[int, int]:
        """Return a number of 7 bits a byte, and the place behind it."""
        value = shift = 0
        start = place
        while place < end and shift < 70:
            byte = self.data[place]
            place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & ((1 << 64) - 1), place
            shift += 7
        raise self.origin.error(start, "a number that does not end", "a complete file")

    def _count(self, kind: str, name: str, begin: int) -> None:
        """Bound the number of objects before they are made."""
        self.left -= 1
        if kind == "NetParameter" and name in ("layer", "layers"):
            self.layers += 1
        if self.layers > self.limits.max_layers or self.left < 0:
            what = "layers" if self.left >= 0 else "layers' worth of fields"
            found = f"more than {self.limits.max_layers:,} {what}"
            raise self.origin.error(begin, found, "fewer (Limits.max_layers)")
