"""The bytes of a .bin file as arrays, in layer order.

A layer's main weights follow a word that names their storage: 0 is float32, 0x01306B47 float16,
0x000D4B38 int8, 0x0002C056 float32 too; any other word whose bytes do not add up to 0 stands for
a table of 256 float32 and one index a weight. Each is padded to 4 bytes. All other arrays are
float32 without a word.
"""

from __future__ import annotations

import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.source import Source

__all__ = ["FLOAT16", "INT8", "RAW", "BinWeights"]

FLOAT16 = 0x01306B47
INT8 = 0x000D4B38
RAW = 0x0002C056
_TABLE = 256


class BinWeights:
    """Arrays from the bytes of a file; every count is compared with what remains first.

    Parameters
    ----------
    source
        The file.
    limits
        ``max_tensors`` and ``max_elements`` are checked here.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.offset = 0
        self.tensors = 0

    def raw(self, record: Record, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the next float32 numbers.

        Raises
        ------
        FormatError
            If fewer remain: names the byte, the layer and its line.
        """
        count = self._count(record, name, shape)
        start = self._take(record, name, 4 * count)
        return (
            np.frombuffer(self.source.data, "<f4", count, start).astype(np.float32).reshape(shape)
        )

    def main(
        self, record: Record, name: str, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], bool]:
        """Return the next array with a storage word, as float32, and whether it was int8.

        Raises
        ------
        FormatError
            If too few bytes remain.
        """
        count = self._count(record, name, shape)
        data, start = self.source.data, self._take(record, name, 4)
        (word,) = struct.unpack_from("<I", data, start)
        if word in (0, RAW) or sum(data[start : start + 4]) == 0:
            start = self._take(record, name, 4 * count)
            found: Any = np.frombuffer(data, "<f4", count, start)
        elif word == FLOAT16:
            start = self._take(record, name, (2 * count + 3) // 4 * 4)
            found = np.frombuffer(data, "<f2", count, start)
        elif word == INT8:
            start = self._take(record, name, (count + 3) // 4 * 4)
            found = np.frombuffer(data, "i1", count, start)
        else:
            start = self._take(record, name, 4 * _TABLE)
            table = np.frombuffer(data, "<f4", _TABLE, start)
            start = self._take(record, name, (count + 3) // 4 * 4)
            found = table[np.frombuffer(data, "u1", count, start)]
        return found.astype(np.float32).reshape(shape), word == INT8

    def finish(self) -> None:
        """Warn where bytes are left over.

        Warns
        -----
        TrailingWeightsWarning
            With the size of the rest.
        """
        rest = len(self.source.data) - self.offset
        if rest:
            msg = (
                f"{self.source.name}: {rest:,} bytes after byte {self.offset} are not used; the "
                ".param file may belong to other weights"
            )
            warnings.warn(msg, TrailingWeightsWarning, stacklevel=2)

    def _count(self, record: Record, name: str, shape: tuple[int, ...]) -> int:
        count = 1
        for size in shape:
            count *= size
        self.tensors += 1
        if count > self.limits.max_elements:
            found = f"{count:,} elements in {name!r}"
            raise record.error(found, f"at most {self.limits.max_elements:,} (Limits.max_elements)")
        if self.tensors > self.limits.max_tensors:
            found = f"more than {self.limits.max_tensors:,} weight arrays"
            raise record.error(found, "fewer (Limits.max_tensors)")
        return count

    def _take(self, record: Record, name: str, size: int) -> int:
        start, remaining = self.offset, len(self.source.data) - self.offset
        if size > remaining:
            raise FormatError(
                self.source.name,
                f"byte {start}",
                f"{remaining:,} bytes for {name!r} of layer {record.name!r} ({record.kind}, "
                f"{record.file} line {record.line})",
                f"{size:,} bytes",
            )
        self.offset += size
        return start
