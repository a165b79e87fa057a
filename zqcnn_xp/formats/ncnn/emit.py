"""Build the two files layer by layer: names, splits of blobs that several layers read, bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from zqcnn_xp.formats.ncnn.storage import FLOAT16

__all__ = ["Emitter", "Keys"]

Keys = Mapping[int, Any]
"""Key -> whole number, float, or tuple of them."""

_BLANKS = re.compile(r"[\s=]+")


class Emitter:
    """Collects layers and weights.

    Parameters
    ----------
    readers
        How many layers read each value; a value that several read is split.
    fp16
        Store main weights as float16.
    """

    def __init__(self, readers: Mapping[str, int], *, fp16: bool = False) -> None:
        self.fp16 = fp16
        self._readers = readers
        self._lines: list[str] = []
        self._blobs = 0
        self._data: list[bytes] = []
        self._names: dict[str, str] = {}
        self._layers: set[str] = set()
        self._taken: set[str] = set()
        self._copies: dict[str, list[str]] = {}

    def blob(self, value: str) -> str:
        """Return the name of a value's blob: the value's own, without blanks."""
        if value not in self._names:
            self._names[value] = _unique(_BLANKS.sub("_", value), self._taken)
        return self._names[value]

    def source(self, value: str) -> str:
        """Return the name under which the next reader reads a value."""
        copies = self._copies.get(value)
        return copies.pop(0) if copies else self.blob(value)

    def layer(
        self,
        kind: str,
        name: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        keys: Keys | None = None,
    ) -> None:
        """Add a layer, and a Split behind it where several layers read what it writes."""
        bottoms = [self.source(value) for value in inputs]
        tops = [self.blob(value) for value in outputs]
        self._line(kind, name, bottoms, tops, keys or {})
        for value in outputs:
            count = self._readers.get(value, 0)
            if count > 1:
                base = self.blob(value)
                copies = [_unique(f"{base}_splitncnn_{k}", self._taken) for k in range(count)]
                self._line("Split", f"splitncnn_{base}", [base], copies, {})
                self._copies[value] = copies

    def main(self, array: Any) -> None:
        """Add a layer's main weight, with the word that names its storage."""
        array = np.asarray(array, np.float32)
        if not self.fp16:
            self._data.append(struct.pack("<I", 0) + array.astype("<f4").tobytes())
            return
        half = array.astype("<f2").tobytes()
        self._data.append(struct.pack("<I", FLOAT16) + half + bytes(-len(half) % 4))

    def raw(self, array: Any) -> None:
        """Add an array of float32."""
        self._data.append(np.asarray(array, "<f4").tobytes())

    def files(self) -> tuple[bytes, bytes]:
        """Return the bytes of the .param and the .bin file."""
        head = ["7767517", f"{len(self._lines)} {self._blobs}"]
        return "\n".join([*head, *self._lines, ""]).encode(), b"".join(self._data)

    def _line(self, kind: str, name: str, bottoms: list[str], tops: list[str], keys: Keys) -> None:
        name = _unique(_BLANKS.sub("_", name), self._layers)
        self._blobs += len(tops)
        words = [f"{kind:<24} {name:<24} {len(bottoms)} {len(tops)}", *bottoms, *tops]
        for key, value in keys.items():
            if isinstance(value, tuple):
                listed = ",".join([str(len(value)), *map(_text, value)])
                words.append(f"{-23300 - key}={listed}")
            else:
                words.append(f"{key}={_text(value)}")
        self._lines.append(" ".join(words))


def _text(value: Any) -> str:
    """Write a number: a float always with a point or an exponent, as ncnn tells them apart."""
    if isinstance(value, float):
        largest = float(np.finfo(np.float32).max)
        return repr(min(max(value, -largest), largest))
    return str(int(value))


def _unique(name: str, taken: set[str]) -> str:
    found = name
    count = 0
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found
