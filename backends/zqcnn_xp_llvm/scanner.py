"""Scans of features by generated kernels: queries packed once, blocks of rows, entries of hits."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.codegen.access import LIMITS, POINTERS
from zqcnn_xp_llvm.kernels.scan import HEAD, Scan, ScanFloats, entry_bytes
from zqcnn_xp_llvm.kernels.scan_bytes import PARTS, ScanBytes, byte_dots
from zqcnn_xp_llvm.target import Target

__all__ = ["ByteScanner", "FloatScanner", "scanner_for"]

Host = np.ndarray[Any, Any]
_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# Sums of bytes stay below 2 ** 31, and code of one row is not endless.
_MOST_DIM = 8192
# A query's largest value as an integer: both its bytes stay within theirs.
_LARGEST = 127 * 256


def scanner_for(code: Code, dtype: str, dim: int) -> type[_Scanner] | Any | None:
    """Return what makes a scanner of queries, or None where there is no kernel.

    Parameters
    ----------
    code
        Machine code of the processor.
    dtype
        ``"float32"``, or ``"int8"`` where the processor multiplies bytes.
    dim
        Values of a feature.
    """
    if not 0 < dim <= _MOST_DIM:
        return None
    if dtype == "float32":
        return lambda queries: FloatScanner(code, queries)
    if dtype == "int8" and byte_dots(code.target) is not None:
        return lambda queries: ByteScanner(code, queries)
    return None


class _Scanner:
    """What both kinds share: how kernels are called, and what is made of their entries.

    Parameters
    ----------
    code
        Machine code of the processor.
    queries
        (q, d) float32.
    """

    parallel: ClassVar[bool] = True

    def __init__(self, code: Code, queries: Host) -> None:
        self.count, self.dim = queries.shape
        self.lanes = code.target.lanes
        needed = max(-(-self.count // self.lanes), 1)
        self.vectors, rows = self.tile(code.target, needed)
        self.groups = -(-needed // self.vectors)
        kernels = [self.kernel(code.target, self.vectors, r) for r in dict.fromkeys((rows, 1))]
        addresses = code.addresses(kernels)
        # The tall tiles first; what is left of a block goes row by row.
        self._kernels = [(k.rows, _CALL(addresses[k])) for k in kernels]
        self.packed = self.pack(queries)

    def tile(self, target: Target, needed: int) -> tuple[int, int]:
        """Return vectors of queries and rows of a tile, for so many vectors of queries."""
        raise NotImplementedError

    def kernel(self, target: Target, vectors: int, rows: int) -> Scan:
        """Return the kernel of a tile."""
        raise NotImplementedError

    def pack(self, queries: Host) -> Host:
        """Return queries as the kernel reads them."""
        raise NotImplementedError

    def entries(self, block: Host, scales: Host | None, floors: Host) -> tuple[Host, Host, Host]:
        """Return query, row and score of each lane that reaches its floor.

        Parameters
        ----------
        block, scales
            Features, without gaps, and their scales.
        floors
            (q,) float32, in units of the kernel's scores.
        """
        width = self.groups * self.vectors
        # Lanes without a query never pass.
        least = np.full(width * self.lanes, np.inf, np.float32)
        least[: self.count] = floors
        # Room for the worst case; memory that is not written to is never taken.
        hits = np.empty(HEAD + len(block) * width * entry_bytes(self.lanes), np.uint8)
        total = hits[:HEAD].view(np.int64)
        total[0] = 0
        args = np.zeros(LIMITS, np.int64)
        held = (block, self.packed, least, hits, least if scales is None else scales)
        done = 0
        for rows, call in self._kernels:
            tiles = (len(block) - done) // rows
            if not tiles:
                continue
            args[: len(held)] = [part.ctypes.data for part in held]
            args[0] += done * block.strides[0]
            if scales is not None:
                args[4] += 4 * done
            args[POINTERS : POINTERS + 3] = self.groups, tiles, done
            call(args.ctypes.data)
            done += tiles * rows
        kind = np.dtype([("place", np.int64), ("scores", np.float32, self.lanes)])
        found = hits[HEAD : HEAD + int(total[0]) * kind.itemsize].view(kind)
        row, vector = np.divmod(found["place"], width)
        scores = found["scores"]
        entry, lane = np.nonzero(scores >= least.reshape(width, self.lanes)[vector])
        return vector[entry] * self.lanes + lane, row[entry], scores[entry, lane]


class FloatScanner(_Scanner):
    """Scan float32 features."""

    def tile(self, target: Target, needed: int) -> tuple[int, int]:
        """Fill the registers with sums, and leave some for queries."""
        return _tile(target, needed, 1)

    def kernel(self, target: Target, vectors: int, rows: int) -> Scan:
        """Return the kernel of a tile."""
        return ScanFloats(self.dim, vectors, rows)

    def pack(self, queries: Host) -> Host:
        """Lay queries as (group, value, vector, lane)."""
        full = _filled(queries, self.groups * self.vectors * self.lanes)
        shape = (self.groups, self.vectors, self.lanes, self.dim)
        return np.ascontiguousarray(full.reshape(shape).transpose(0, 3, 1, 2))

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> tuple[Host, Host, Host]:
        """Return every score that is no less than its query's floor."""
        return self.entries(np.ascontiguousarray(block), None, floors)


class ByteScanner(_Scanner):
    """Scan features of signed bytes; queries are rounded to 16 bits.

    Attributes
    ----------
    steps
        (q,) float64: what a query's integers are multiplied by.
    rounded
        (q, d) float64: the queries whose exact scores it finds.
    """

    def __init__(self, code: Code, queries: Host) -> None:
        exact = queries.astype(np.float64)
        steps = np.abs(exact).max(axis=1, initial=0.0) / _LARGEST
        self.steps = np.where(steps > 0, steps, 1.0)
        self._whole = np.rint(exact / self.steps[:, None]).astype(np.int32)
        self.rounded = self._whole * self.steps[:, None]
        self._unsigned = byte_dots(code.target) == "vpdpbusd"
        super().__init__(code, queries)

    def tile(self, target: Target, needed: int) -> tuple[int, int]:
        """Fill the registers with sums, and leave some for features."""
        return _tile(target, needed, PARTS)

    def kernel(self, target: Target, vectors: int, rows: int) -> Scan:
        """Return the kernel of a tile."""
        return ScanBytes(self.dim, vectors, rows, byte_dots(target) or "")

    def pack(self, queries: Host) -> Host:
        """Lay queries' bytes as the kernel reads them, behind what its sums start with."""
        high = (self._whole + 128) >> 8
        parts = np.stack([high, self._whole - (high << 8)], axis=1)
        full = np.zeros((self.groups * self.vectors * self.lanes, PARTS, -(-self.dim // 4) * 4))
        full[: self.count, :, : self.dim] = parts
        shape = (self.groups, self.vectors, self.lanes, PARTS, -1, 4)
        # (group, vector, lane, part, step, byte) -> (group, step, vector, part, lane, byte)
        laid = full.astype(np.int8).reshape(shape).transpose(0, 4, 1, 3, 2, 5)
        start = full.sum(axis=2).reshape(shape[:4]).transpose(0, 1, 3, 2)[:, None]
        words = np.ascontiguousarray(laid).view(np.int32)[..., 0]
        offset = (-128 * start if self._unsigned else 0 * start).astype(np.int32)
        return np.ascontiguousarray(np.concatenate([offset, words], axis=1))

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> tuple[Host, Host, Host]:
        """Return every score that may reach its floor, of `rounded` queries and decoded rows.

        Scores are rounded; one whose exact value reaches the floor is never left out.
        """
        largest = float(np.finfo(np.float32).max)
        exact = floors / self.steps
        # Rounding takes less than 2 ** -21 of a score, or, of the least, less than 2 ** -126.
        lowered = exact - np.abs(exact) * 2.0**-19 - 2.0**-120
        least = np.where(np.isinf(floors), exact, lowered.clip(-largest, largest))
        least = least.astype(np.float32)
        query, row, score = self.entries(np.ascontiguousarray(block), scales, least)
        return query, row, (score * self.steps[query]).astype(np.float32)


def _tile(target: Target, needed: int, parts: int) -> tuple[int, int]:
    """Choose vectors of queries and rows whose sums fill the registers."""
    vectors = next(v for v in (1, 2, 4) if v >= min(needed, 4 if target.registers > 16 else 2))
    # Vectors of queries, one of features and one that is spare.
    room = target.registers - (vectors if parts == 1 else 1) - 2
    return vectors, max(min(room // (vectors * parts), 12), 1)


def _filled(queries: Host, count: int) -> Host:
    full = np.zeros((count, queries.shape[1]), np.float32)
    full[: len(queries)] = queries
    return full
