"""Scans of features by generated kernels: queries packed once, blocks of rows, entries of hits."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp.gallery.scanners import TooManyHits
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.codegen.access import LIMITS, POINTERS
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.scan import HEAD, ScanFloats, entry_bytes, rounding
from zqcnn_xp_llvm.kernels.scan_bytes import ScanBytes, byte_dots, sums_of
from zqcnn_xp_llvm.kernels.scan_few import FEW_DIM, ScanFewBytes, few_bytes
from zqcnn_xp_llvm.kernels.scan_few_floats import ScanFewFloats
from zqcnn_xp_llvm.scan_queries import (
    laid_by_place,
    pack_bytes,
    pack_lanes,
    pack_places,
    round_queries,
)
from zqcnn_xp_llvm.target import Target
from zqcnn_xp_llvm.workers import claimed

__all__ = ["ByteScanner", "CoarseScanner", "FloatScanner", "scanner_for"]

Host = np.ndarray[Any, Any]
Raw = tuple[Host, Host, Host, Host]
_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# Sums of bytes stay below 2 ** 31, and code of one row is not endless.
_MOST_DIM = 8192
# Queries from which lanes are queries, and rows of a turn below that.
_MANY, _TURN = 5, 4
# Pieces of a long block for each thread, and rows of a piece at least.
_SHARE, _LEAST = 2, 4096


def scanner_for(code: Code, dtype: str, dim: int) -> Any:
    """Return what makes a scanner of queries, or None where there is no kernel.

    Parameters
    ----------
    code
        Machine code of the processor.
    dtype
        ``"float32"``, or ``"int8"`` (on Arm where the processor multiplies bytes) for queries of
        floats, or ``"int8-pairs"`` for queries that are rows of int8 themselves.
    dim
        Values of a feature.
    """
    if not 0 < dim <= _MOST_DIM:
        return None
    if dtype == "float32":
        return lambda queries: FloatScanner(code, queries)
    if dtype == "int8" and byte_dots(code.target) is not None:
        return lambda queries: ByteScanner(code, queries)
    if dtype == "int8-pairs" and byte_dots(code.target) is not None:
        return lambda queries, scales: CoarseScanner(code, queries, scales)
    return None


class _Scanner:
    """What both kinds share: how kernels are called, and what is made of their entries."""

    parallel: ClassVar[bool] = True
    bounded: ClassVar[bool] = True

    def __init__(self, code: Code, count: int, lanes: int, width: int, groups: int = 1) -> None:
        self.code = code
        self.count, self.lanes, self.width = count, lanes, width
        self.groups = groups
        self.long = lanes == 1
        self.threads = 1
        self.room = sys.maxsize
        self.packed = np.empty(0, np.uint8)
        self.peaks = np.zeros(width * lanes, np.float32)
        self._kernels: list[tuple[int, Any]] = []

    def take(self, kernels: list[Any]) -> None:
        """Generate kernels: those for many rows first, for what is left those for one."""
        addresses = self.code.addresses(kernels)
        self._kernels = [(kernel.rows, _CALL(addresses[kernel])) for kernel in kernels]

    def entries(
        self, block: Host, scales: Host | None, floors: Host, groups: int
    ) -> tuple[Host, Host, Host, Host]:
        """Return query, row, score and the row's size of each lane that a kernel has found.

        Parameters
        ----------
        block, scales
            Features, without gaps, and their scales.
        floors
            (q,) float32, in units of the kernel's scores.
        groups
            Groups of packed queries.

        Raises
        ------
        TooManyHits
            If there are more entries than `room`.
        """
        width = self.width // self.groups * groups
        # Lanes without a query do not pass.
        least = np.full(width * self.lanes, np.inf, np.float32)
        least[: len(floors)] = floors

        def scan(start: int, stop: int) -> Host:
            return self._scan(block, scales, least, groups, start, stop)

        found = scan(0, len(block)) if self.threads == 1 else self._shared(scan, len(block))
        row, vector = np.divmod(found["place"], width)
        query = vector[:, None] * self.lanes + np.arange(self.lanes)
        with np.errstate(over="ignore", invalid="ignore"):
            most = found["scores"] + self.off(query, found["scores"], found["size"][:, None])
        passed = ~(most < least[query]) & (query < len(floors))
        entry, lane = np.nonzero(passed)
        return query[entry, lane], row[entry], found["scores"][entry, lane], found["size"][entry]

    def _scan(
        self, block: Host, scales: Host | None, least: Host, groups: int, start: int, stop: int
    ) -> Host:
        """Return the entries of some rows of a block."""
        fields = [("place", "<i8"), ("size", "<f4"), ("scores", "<f4", (self.lanes,))]
        kind = np.dtype(fields)
        # Room for the worst case; memory that is not written to is never taken.
        room = (stop - start) * groups * (self.width // self.groups)
        spare = self.room < room
        room = min(room, self.room)
        hits = np.empty(HEAD + (room + spare) * entry_bytes(self.lanes), np.uint8)
        total = hits[:HEAD].view(np.int64)
        total[:] = 0, room
        held = (block, self.packed, least, hits, self.peaks if scales is None else scales)
        args = np.zeros(LIMITS, np.int64)
        for rows, call in self._kernels:
            tiles = (stop - start) // rows
            if not tiles:
                continue
            args[: len(held)] = [part.ctypes.data for part in held]
            args[0] += start * block.strides[0]
            args[4] += 0 if scales is None else 4 * start
            args[5] = self.peaks.ctypes.data
            args[POINTERS : POINTERS + 3] = groups, tiles, start
            call(args.ctypes.data)
            start += tiles * rows
        if total[0] > room:
            raise TooManyHits(f"found {total[0]} vectors of scores, expected at most {room}")
        return hits[HEAD : HEAD + int(total[0]) * kind.itemsize].view(kind)

    def _shared(self, scan: Callable[[int, int], Host], count: int) -> Host:
        """Return the entries of all rows, in order; threads claim pieces of the block."""
        size = max(-(-count // (_SHARE * self.threads)), _LEAST)
        starts = range(0, count, size)
        parts = claimed(
            lambda piece: scan(starts[piece], min(starts[piece] + size, count)),
            len(starts),
            self.threads,
        )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def off(self, query: Host, score: Host, size: Host) -> Host:
        """Return what a kernel has added to scores before it compared them."""
        return np.zeros(1, np.float32)


class FloatScanner(_Scanner):
    """Scan float32 features.

    Parameters
    ----------
    code
        Machine code of the processor.
    queries
        (q, d) float32.
    """

    def __init__(self, code: Code, queries: Host) -> None:
        (count, self.dim), lanes = queries.shape, code.target.lanes
        kernels: list[Kernel]
        if count < _MANY and lanes <= self.dim <= FEW_DIM:
            super().__init__(code, count, 1, count)
            kernels = [ScanFewFloats(self.dim, count, rows) for rows in (_TURN, 1)]
            self.packed = laid_by_place(queries[:, None], lanes)
        else:
            vectors, rows, groups = _tile(code.target, count, 1)
            super().__init__(code, count, lanes, groups * vectors, groups)
            kernels = [ScanFloats(self.dim, vectors, r) for r in dict.fromkeys((rows, 1))]
            full = np.zeros((self.width * lanes, self.dim), np.float32)
            full[:count] = queries
            # (group, vector, lane, value) -> (group, value, vector, lane)
            shape = (self.groups, vectors, lanes, self.dim)
            self.packed = np.ascontiguousarray(full.reshape(shape).transpose(0, 3, 1, 2))
        self.take(kernels)
        # Four times, as `rounding` is divided by it: what may overflow in between becomes infinite.
        with np.errstate(over="ignore"):
            self.peaks[:count] = 4 * np.abs(queries).max(axis=1, initial=0.0)

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> Raw:
        """Return every score that may reach its floor, and how far it may be off."""
        # What is below normal numbers may be lost, of factors and of products.
        lost = self.dim * 2.0**-126 * (1.0 + np.minimum(self.peaks[: self.count], 1e38))
        least = _rounded_down(floors - lost)
        block = np.ascontiguousarray(block)
        query, row, score, size = self.entries(block, None, least, self.groups)
        return query, row, score, self.off(query, score, size)

    def off(self, query: Host, score: Host, size: Host) -> Host:
        """Return the bound of rounding."""
        with np.errstate(over="ignore", invalid="ignore"):
            found: Host = size * self.peaks[query] * np.float32(rounding(self.dim) / 4)
        return found


class ByteScanner(_Scanner):
    """Scan features of signed bytes; queries are rounded to 16 bits, or what sums have room for.

    Parameters
    ----------
    code
        Machine code of the processor.
    queries
        (q, d) float32.

    Attributes
    ----------
    rounded
        (q, d) float64: the queries whose scores it finds.
    """

    def __init__(self, code: Code, queries: Host) -> None:
        (count, self.dim), target = queries.shape, code.target
        self.dot = byte_dots(target) or ""
        whole, self.steps = round_queries(queries, self.dot)
        self.rounded = whole * self.steps[:, None]
        kernels: list[Kernel]
        if count < _MANY and few_bytes(target.vector_bytes, self.dot) <= self.dim <= FEW_DIM:
            super().__init__(code, count, 1, count)
            kernels = [ScanFewBytes(self.dim, count, rows, self.dot) for rows in (_TURN, 1)]
            self.packed = pack_places(whole, self.dot, target.vector_bytes)
        else:
            vectors, rows, groups = _tile(target, count, sums_of(self.dot))
            super().__init__(code, count, target.lanes, groups * vectors, groups)
            kernels = [ScanBytes(self.dim, vectors, r, self.dot) for r in dict.fromkeys((rows, 1))]
            self.packed = pack_lanes(whole, self.dot, self.groups, vectors, self.lanes)
        self.take(kernels)

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> Raw:
        """Return every score that may reach its floor, and how far it may be off.

        Scores are those of `rounded` queries and decoded rows.
        """
        largest = float(np.finfo(np.float32).max)
        exact = floors / self.steps
        # Sums are exact; to make a float32 of them takes less than 2 ** -21 of a score.
        finite = np.where(np.isinf(floors), 0.0, exact)
        lowered = (finite - np.abs(finite) * 2.0**-19 - 2.0**-120).clip(-largest, largest)
        least = np.where(np.isinf(floors), floors, lowered).astype(np.float32)
        block = np.ascontiguousarray(block)
        query, row, score, _ = self.entries(block, scales, least, self.groups)
        found = score * self.steps[query]
        with np.errstate(over="ignore"):
            return query, row, found.astype(np.float32), np.abs(found) * 2.0**-19 + 2.0**-120


class CoarseScanner(_Scanner):
    """Scan features of signed bytes for queries of signed bytes: a byte is multiplied once.

    Called with floors of fewer queries, it scans for the first ones only.

    Parameters
    ----------
    code
        Machine code of the processor.
    queries, scales
        (q, d) int8, and (q,) float32: a query is its bytes times its scale.
    """

    def __init__(self, code: Code, queries: Host, scales: Host) -> None:
        (count, self.dim), target = queries.shape, code.target
        self.dot = byte_dots(target) or ""
        # A query of zeros has a scale of 0, and scores 0.
        self.steps = np.where(scales > 0, scales, np.float32(1)).astype(np.float64)
        vectors, rows, groups = _tile(target, count, 1)
        super().__init__(code, count, target.lanes, groups * vectors, groups)
        kernels = [ScanBytes(self.dim, vectors, r, self.dot, 1) for r in dict.fromkeys((rows, 1))]
        self.packed = pack_bytes(queries, self.dot, self.groups, vectors, self.lanes)
        self.take(kernels)

    def __call__(self, block: Host, scales: Host | None, floors: Host) -> Raw:
        """Return every score that may reach its floor, and how far it may be off."""
        largest = float(np.finfo(np.float32).max)
        finite = np.where(np.isinf(floors), 0.0, floors.astype(np.float64))
        exact = finite / self.steps[: len(floors)]
        lowered = (exact - np.abs(exact) * 2.0**-19 - 2.0**-120).clip(-largest, largest)
        least = np.where(np.isinf(floors), floors, lowered).astype(np.float32)
        block = np.ascontiguousarray(block)
        groups = -(-len(floors) * self.groups // (self.width * self.lanes))
        query, row, score, _ = self.entries(block, scales, least, max(groups, 1))
        found = score * self.steps[query]
        with np.errstate(over="ignore"):
            return query, row, found.astype(np.float32), np.abs(found) * 2.0**-19 + 2.0**-120


def _tile(target: Target, count: int, parts: int) -> tuple[int, int, int]:
    """Return vectors of queries and rows whose sums fill the registers, and groups of vectors."""
    needed = max(-(-count // target.lanes), 1)
    vectors = next(v for v in (1, 2, 4) if v >= min(needed, 4 if target.registers > 16 else 2))
    # Beside sums: vectors of queries or one, one of features and one that is spare.
    room = target.registers - (vectors if parts == 1 else 1) - 2
    return vectors, max(min(room // (vectors * parts), 12), 1), -(-needed // vectors)


def _rounded_down(values: Host) -> Host:
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    lower: Host = np.where(found > values, np.nextafter(found, np.float32(-np.inf)), found)
    return lower
