"""Scans of features of signed bytes for a query or two, as quick as memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from llvmlite import ir

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.scan import Scan, append_hit
from zqcnn_xp_llvm.kernels.scan_bytes import (
    add_pairs,
    declared,
    dot_bytes,
    offset_bytes,
    sums_of,
)

__all__ = ["FEW_DIM", "ScanFewBytes", "ask_ahead", "few_bytes", "few_starts"]

FEW_DIM = 512
"""Up to here ``256 * high + low`` of a whole feature is an int32."""

_I32 = ir.IntType(32)
# Bytes of a cache line, and how far ahead of the features in use others are asked for: a fifth of
# the time on an Intel processor, whose own guess does not go beyond a page.
_LINE, _AHEAD = 64, 4096


@dataclass(frozen=True)
class ScanFewBytes(Kernel):
    """Scan features of signed bytes for few queries: a lane is a place in the feature.

    The sums of a row are added up across lanes, as integers. That takes a fifth of what `ScanBytes`
    takes for its many lanes, so that one query is as quick as memory.

    Parameters
    ----------
    dim
        Values of a feature: from a vector of bytes to `FEW_DIM`.
    count
        Queries.
    rows
        Rows of a turn.
    dot
        As in `ScanBytes`.

    Notes
    -----
    Arguments and entries are those of a scan with ``count`` vectors of one lane. Queries lie as:
    (query, part, byte), or (query, value) of 16 bits for ``"pmaddwd"``; the last vector ends with
    the feature, and is 0 where it repeats the one before. Then an int32 for each query that is
    added to its sums.
    """

    pointers: ClassVar[tuple[str, ...]] = Scan.pointers
    integers: ClassVar[tuple[str, ...]] = Scan.integers

    dim: int
    count: int
    rows: int
    dot: str = "vpdpbusd"

    def emit(self, e: Emitter) -> None:
        """Loop over rows, some at a time."""
        width = e.target.vector_bytes
        starts = few_starts(self.dim, few_bytes(width, self.dot))
        query_bytes = sums_of(self.dot) * len(starts) * width
        queries = self.address(e, "queries")
        last = e.at(queries, self.count * query_bytes)
        with e.loop(self.integer(e, "tiles")) as turn:
            row = e.mul(turn.index, self.rows)
            x = e.at(self.address(e, "x"), e.mul(turn.index, self.rows * self.dim))
            scales = e.at(self.address(e, "scales"), e.mul(row, 4))
            scores, tests = [], []
            ask_ahead(e, x, self.rows * self.dim)
            for r in range(self.rows):
                values = [self._values(e, e.at(x, r * self.dim + at)) for at in starts]
                scale = e.load_scalar(e.at(scales, 4 * r))
                for k in range(self.count):
                    total = self._total(e, values, e.at(queries, k * query_bytes))
                    total = e.b.add(total, e.read(e.at(last, 4 * k), _I32, 4))
                    scores.append(e.b.fmul(e.b.sitofp(total, ir.FloatType()), scale))
                    limit = e.load_scalar(e.at(self.address(e, "floors"), 4 * k))
                    tests.append(e.b.fcmp_unordered(">=", scores[-1], limit))
            with e.b.if_then(reduce(e.b.or_, tests), likely=False):
                number = e.mul(e.add(row, self.integer(e, "first")), self.count)
                for k, (score, test) in enumerate(zip(scores, tests, strict=True)):
                    with e.b.if_then(test, likely=False):
                        hits = self.address(e, "hits")
                        append_hit(e, hits, e.add(number, k), e.scalar(0.0), score, 1)
        e.finish()

    def _values(self, e: Emitter, x: Address) -> Value:
        """Load bytes as the instruction takes them."""
        if self.dot == "pmaddwd":
            count = 2 * e.lanes
            found = e.read(x, ir.VectorType(ir.IntType(8), count), count)
            return e.b.sext(found, ir.VectorType(ir.IntType(16), count))
        return offset_bytes(e, e.read(x, e.words, e.target.vector_bytes), self.dot)

    def _total(self, e: Emitter, values: list[Value], query: Address) -> Value:
        width = e.target.vector_bytes
        sums = []
        for part in range(sums_of(self.dot)):
            total = e.word(0)
            for k, value in enumerate(values):
                q = e.read(e.at(query, (part * len(values) + k) * width), e.words, width)
                if self.dot == "pmaddwd":
                    total = add_pairs(e, total, value, q)
                else:
                    total = dot_bytes(e, total, value, q, self.dot)
            sums.append(total)
        both = sums[0] if len(sums) == 1 else e.b.add(e.b.shl(sums[0], e.word(8)), sums[1])
        name = f"llvm.vector.reduce.add.v{e.lanes}i32"
        return e.b.call(declared(e, name, ir.FunctionType(_I32, [e.words])), [both])


def ask_ahead(e: Emitter, x: Address, size: int) -> None:
    """Ask for memory that is read a little later, as many bytes as are read now."""
    if e.target.asks_ahead:
        for at in range(0, size, _LINE):
            e.prefetch(e.at(x, _AHEAD + at))


def few_bytes(width: int, dot: str) -> int:
    """Return how many bytes of a feature fill a vector: half of it, where they are widened."""
    return width // 2 if dot == "pmaddwd" else width


def few_starts(dim: int, width: int) -> list[int]:
    """Return where vectors of ``width`` bytes start in a feature: the last ends with it.

    Examples
    --------
    >>> few_starts(130, 64)
    [0, 64, 66]
    """
    return [*range(0, dim - width, width), dim - width]
