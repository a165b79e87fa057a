"""How a store lies on disk: the files of its folder, and one record of its log.

Everything is little-endian. The files only grow; how far each is valid follows from the last
record of the log. A record is 128 bytes, so that none crosses a sector of a disk: after a power
failure it is there or it is not.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

__all__ = [
    "CHECKED",
    "CHECKS",
    "CHUNK",
    "DTYPES",
    "ERRORS",
    "ERRORS_KNOWN",
    "LABELS",
    "LABEL_ENDS",
    "LABEL_IDS",
    "LOCK",
    "LOG",
    "MAX_DIM",
    "RECORD",
    "ROWS",
    "SCALES",
    "TEXTS",
    "TEXT_ENDS",
    "Commit",
    "chunks_of",
]

LOG, LOCK, CHECKS = "log", "lock", "checks"
ROWS, SCALES, ERRORS = "rows", "scales", "errors"
LABEL_IDS, LABELS, LABEL_ENDS = "label-ids", "labels", "label-ends"
TEXTS, TEXT_ENDS = "texts", "text-ends"

CHECKED = (ROWS, SCALES, ERRORS, LABEL_IDS, LABELS, LABEL_ENDS, TEXTS, TEXT_ENDS)
"""The files whose bytes have checksums in ``checks``, in the order of those."""

CHUNK = 1 << 20
"""Bytes that one checksum covers at most."""

DTYPES = {1: "float32", 2: "float16", 3: "int8", 4: "int16"}

MAX_DIM = 1 << 16

RECORD = 128
ERRORS_KNOWN = 1
_MAGIC = b"zqxpfea1"
# magic, identity, sequence, rows, labels, label bytes, text bytes, check bytes,
# dim, dtype, flags, checksum of this append's checks, checksum of the record before.
_BODY = struct.Struct("<8s16s6Q5I32x")
_SUM = struct.Struct("<I")


@dataclass(frozen=True)
class Commit:
    """What one record of the log says: how much of every file is valid.

    Parameters
    ----------
    identity
        16 random bytes that all records of one store share.
    dim, dtype
        Values of a feature, and their type by name.
    sequence
        Number of the record: 0 made the store, each append adds one.
    rows, labels
        Features so far, and different labels.
    label_bytes, text_bytes, check_bytes
        Bytes so far of the files whose entries differ in length.
    flags
        ``ERRORS_KNOWN`` while the rounding error of every row is known.
    check
        CRC-32 of what this append added to ``checks``.
    before
        CRC-32 of the record before this one; 0 in the first.

    Examples
    --------
    >>> commit = Commit(bytes(16), 128, "float32", 1, rows=3)
    >>> commit.end("rows"), len(commit.packed()), Commit.unpacked(commit.packed()) == commit
    (1536, 128, True)
    """

    identity: bytes
    dim: int
    dtype: str
    sequence: int = 0
    rows: int = 0
    labels: int = 0
    label_bytes: int = 0
    text_bytes: int = 0
    check_bytes: int = 0
    flags: int = ERRORS_KNOWN
    check: int = 0
    before: int = 0

    @property
    def quantised(self) -> bool:
        """Whether features are integers with a scale each."""
        return self.dtype.startswith("int")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that a store of this type has, beside the log and the lock."""
        return tuple(
            name for name in (*CHECKED, CHECKS) if self.quantised or name not in (SCALES, ERRORS)
        )

    def end(self, file: str) -> int:
        """Return how many bytes of a file this commit and those before it cover."""
        if file == LABELS:
            return self.label_bytes
        if file == TEXTS:
            return self.text_bytes
        if file == CHECKS:
            return self.check_bytes
        if file == LABEL_ENDS:
            return 8 * self.labels
        return self.row_bytes(file) * self.rows

    def row_bytes(self, file: str) -> int:
        """Return the bytes of one row in a file of equal rows; 0 for the others."""
        if file == ROWS:
            return self.dim * np.dtype(self.dtype).itemsize
        if file in (SCALES, ERRORS):
            return 4 if self.quantised else 0
        return {LABEL_IDS: 4, TEXT_ENDS: 16}.get(file, 0)

    def packed(self) -> bytes:
        """Return the 128 bytes of the record."""
        code = {name: number for number, name in DTYPES.items()}[self.dtype]
        body = _BODY.pack(
            *(_MAGIC, self.identity, self.sequence, self.rows, self.labels, self.label_bytes),
            *(self.text_bytes, self.check_bytes, self.dim, code, self.flags),
            *(self.check, self.before),
        )
        return body + _SUM.pack(crc32(body))

    @classmethod
    def unpacked(cls, record: bytes | memoryview) -> Commit | None:
        """Read a record; ``None`` if it is not as it was written."""
        if len(record) != RECORD or _SUM.unpack(record[-4:])[0] != crc32(record[:-4]):
            return None
        fields: tuple[Any, ...] = _BODY.unpack(record[:-4])
        magic, identity, sequence, rows, labels, label_bytes, text_bytes, check_bytes = fields[:8]
        dim, code, flags, check, before = fields[8:]
        if magic != _MAGIC or code not in DTYPES or not 0 < dim <= MAX_DIM:
            return None
        return cls(
            *(identity, dim, DTYPES[code], sequence, rows, labels, label_bytes, text_bytes),
            *(check_bytes, flags, check, before),
        )

    def following(self, **changed: Any) -> Commit:
        """Return the next commit: this one with other sizes, chained to it.

        Examples
        --------
        >>> first = Commit(bytes(16), 2, "int8")
        >>> second = first.following(rows=5)
        >>> second.sequence, second.rows, second.end("scales")
        (1, 5, 20)
        """
        before: int = _SUM.unpack(self.packed()[-4:])[0]
        return replace(self, sequence=self.sequence + 1, before=before, **changed)


def chunks_of(start: int, end: int) -> int:
    """Return how many checksums cover bytes ``start`` to ``end``, added by one append.

    Examples
    --------
    >>> chunks_of(100, 100), chunks_of(100, 101), chunks_of(0, CHUNK + 1)
    (0, 1, 2)
    """
    return -(-(end - start) // CHUNK)
