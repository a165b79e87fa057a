"""The header of a safetensors file: its text, its tensors, and that they tile the rest exactly.

Layout: the header's length as 8 bytes, little-endian; the header, JSON; then the tensors' bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.attributes import short
from zqcnn_xp.formats.graph_json import parse_json
from zqcnn_xp.formats.limits import Limits

__all__ = ["DTYPES", "MAX_HEADER", "Header", "TensorRecord", "parse_header", "view"]

MAX_HEADER = 8 << 20
"""Bytes of a header; Python objects made of one take some twenty times as much."""
METADATA = "__metadata__"
MAX_RANK = 32
PREFIX = 8

DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("u1"),
}
"""How the bytes of each type are looked at."""


@dataclass(frozen=True)
class TensorRecord:
    """One tensor: its type as the file names it, its shape, and its bytes after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a header says, checked; ``start`` is the offset of the tensors' bytes."""

    metadata: Mapping[str, str]
    tensors: tuple[TensorRecord, ...]
    start: int


def parse_header(file: str, data: memoryview, limits: Limits) -> Header:
    """Return the header of a file whose bytes are all there.

    Raises
    ------
    FormatError
        If the header is no such JSON, a tensor's bytes do not match its shape, or the tensors
        leave gaps, overlap, or end before or behind the file's end.
    """
    size = len(data)
    if size < PREFIX:
        raise FormatError(file, "byte 0", f"{size} bytes", f"the header's length in {PREFIX}")
    length = int.from_bytes(data[:PREFIX], "little")
    if length > size - PREFIX:
        left = size - PREFIX
        raise FormatError(file, "byte 0", f"a header of {length:,} bytes", f"{left:,} or fewer")
    bound = min(MAX_HEADER, limits.max_text)
    if length > bound:
        raise FormatError(file, "byte 0", f"a header of {length:,} bytes", f"at most {bound:,}")
    text = bytes(data[PREFIX : PREFIX + length])
    if not text.startswith(b"{"):
        raise FormatError(file, f"byte {PREFIX}", repr(text[:16]), "a JSON object")
    found = parse_json(text, file, "header")
    if not isinstance(found, dict):
        raise FormatError(file, "header", type(found).__name__, "an object")
    metadata = found.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise FormatError(file, METADATA, "other values", "an object of strings")
    if len(found) > limits.max_tensors:
        expected = f"at most {limits.max_tensors:,} (Limits.max_tensors)"
        raise FormatError(file, "header", f"{len(found):,} tensors", expected)
    tensors = [_tensor(name, record, file, limits) for name, record in found.items()]
    start = PREFIX + length
    _check_tiling(tensors, size - start, file)
    return Header(metadata, tuple(tensors), start)


def view(data: memoryview, header: Header, tensor: TensorRecord) -> NDArray[Any]:
    """Return a tensor's elements without a copy; the array is read-only where ``data`` is."""
    dtype = DTYPES[tensor.dtype]
    count = prod(tensor.shape)
    if not count:  # NumPy takes no view of nothing
        return np.empty(tensor.shape, dtype)
    flat = np.frombuffer(data, dtype, count, header.start + tensor.begin)
    return flat.reshape(tensor.shape)


def _tensor(name: str, record: Any, file: str, limits: Limits) -> TensorRecord:
    where = f"tensor {name[:80]!r}"
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(record, dict) or record.keys() != keys:
        raise FormatError(file, where, short(record), f"exactly {', '.join(sorted(keys))}")
    dtype, shape, offsets = record["dtype"], record["shape"], record["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError(file, where, f"dtype {short(dtype)}", f"one of {', '.join(DTYPES)}")
    if not _counts(shape) or len(shape) > MAX_RANK:
        raise FormatError(file, where, f"shape {short(shape)}", f"at most {MAX_RANK} counts")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FormatError(file, where, f"offsets {short(offsets)}", "a first and a last byte")
    count = prod(shape)
    if count > limits.max_elements:
        expected = f"at most {limits.max_elements:,} (Limits.max_elements)"
        raise FormatError(file, where, f"shape {shape}"[:200], expected)
    need = count * DTYPES[dtype].itemsize
    if offsets[1] - offsets[0] != need:
        found = f"{offsets[1] - offsets[0]:,} bytes"
        raise FormatError(file, where, found, f"{need:,} for {dtype} of shape {tuple(shape)}"[:200])
    return TensorRecord(name, dtype, tuple(shape), offsets[0], offsets[1])


def _counts(found: Any) -> bool:
    return isinstance(found, list) and all(
        type(item) is int and 0 <= item < 1 << 48 for item in found
    )


def _check_tiling(tensors: list[TensorRecord], size: int, file: str) -> None:
    reached, last = 0, "the header"
    for tensor in sorted(tensors, key=lambda t: (t.begin, t.end)):
        if tensor.begin != reached:
            kind = "a gap" if tensor.begin > reached else "an overlap"
            found = f"{kind} at byte {min(tensor.begin, reached):,} of the data"
            raise FormatError(file, f"tensor {tensor.name[:80]!r}", found, f"it next to {last}")
        reached, last = tensor.end, f"{tensor.name[:80]!r}"
    if reached != size:
        raise FormatError(file, f"behind {last}", f"{size:,} bytes of data", f"{reached:,}")
