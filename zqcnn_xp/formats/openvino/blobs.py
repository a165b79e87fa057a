"""Constants: arrays at their offsets in the .bin file, checked before memory is taken."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.tensors import MAX_RANK
from zqcnn_xp.formats.openvino.records import Layer
from zqcnn_xp.formats.source import Source

__all__ = ["ELEMENTS", "Blobs", "shape_of_text"]

ELEMENTS = {
    "f32": "<f4", "f16": "<f2", "f64": "<f8", "bf16": "<u2", "i64": "<i8", "i32": "<i4",
    "i16": "<i2", "i8": "|i1", "u64": "<u8", "u32": "<u4", "u16": "<u2", "u8": "|u1",
    "boolean": "|b1",
}  # fmt: skip
"""NumPy dtype of each element type; ``bf16`` is the upper half of a float32."""

_MAX_SIZE = 1 << 40


class Blobs:
    """Reads constants, and keeps count of the bytes that are theirs."""

    def __init__(self, weights: Source, file: str, limits: Limits) -> None:
        self.weights = weights
        self.file = file
        self.limits = limits
        self.read: list[tuple[int, int]] = []

    def array(self, layer: Layer) -> Tensor:
        """Return the array of a ``Const`` layer, a read-only view of the file's bytes.

        Raises
        ------
        FormatError
            If element type, shape, offset and size do not fit together, or reach beyond the file.
        """
        element = layer.attributes.get("element_type", "")
        if element not in ELEMENTS:
            raise self._error(layer, f"element type {element[:20]!r}", ", ".join(ELEMENTS))
        dtype = np.dtype(ELEMENTS[element])
        dims = shape_of_text(layer.attributes.get("shape", ""))
        if dims is None or None in dims or len(dims) > MAX_RANK:
            shown = layer.attributes.get("shape", "")[:60]
            raise self._error(layer, f"shape {shown!r}", f"at most {MAX_RANK} sizes of 0 or more")
        shape = tuple(size or 0 for size in dims)
        offset, size = self._place(layer, "offset"), self._place(layer, "size")
        count = prod(shape)
        if count > self.limits.max_elements:
            expected = f"at most {self.limits.max_elements:,} (Limits.max_elements)"
            raise self._error(layer, f"{count:,} elements", expected)
        # A writer gives an empty tensor one byte, so that it has a place.
        if size != count * dtype.itemsize and not (count == 0 and size <= 1):
            expected = f"{count * dtype.itemsize:,} for shape {shape} of {element}"
            raise self._error(layer, f"{size:,} bytes", expected)
        if offset + size > len(self.weights.data):
            found = f"bytes {offset:,} to {offset + size:,} of {len(self.weights.data):,}"
            raise self._error(layer, found, f"bytes within {self.weights.name}")
        self.read.append((offset, offset + size))
        array: Tensor = np.frombuffer(self.weights.data, dtype, count, min(offset, _last(self)))
        if element == "bf16":
            array = (array.astype("<u4") << 16).view("<f4")
        return array.reshape(shape)

    def rest(self) -> int:
        """Return how many bytes behind the last constant belong to none."""
        return len(self.weights.data) - max((end for _, end in self.read), default=0)

    def _place(self, layer: Layer, key: str) -> int:
        text = layer.attributes.get(key, "")
        if not (text.isascii() and text.isdigit()) or len(text) > 13 or int(text) > _MAX_SIZE:
            raise self._error(layer, f"{key} {text[:20]!r}", "a number of bytes")
        return int(text)

    def _error(self, layer: Layer, found: str, expected: str) -> FormatError:
        return FormatError(self.file, layer.label, found, expected)


def _last(blobs: Any) -> int:
    # NumPy refuses an offset at the very end, where an empty array may stand.
    return max(len(blobs.weights.data) - 1, 0)


def shape_of_text(text: str) -> tuple[int | None, ...] | None:
    """Return the sizes of a list such as ``"1, 3, ?, 2..8"``, None where they are open.

    Returns
    -------
    tuple or None
        None altogether if it is no such list.

    Examples
    --------
    >>> shape_of_text("?,3,1..10,-1,5"), shape_of_text(""), shape_of_text("2,x")
    ((None, 3, None, None, 5), (), None)
    """
    sizes: list[int | None] = []
    for word in text.strip().strip("[]{}").split(",") if text.strip() else []:
        word = word.strip()
        if word in ("?", "-1") or ".." in word:
            sizes.append(None)
        elif word.isascii() and word.isdigit() and len(word) <= 13 and int(word) <= _MAX_SIZE:
            sizes.append(int(word))
        else:
            return None
    return tuple(sizes)
