"""Scans of features of signed bytes for a query or two, as quick as memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from llvmlite import ir

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.scan import Scan, append_hit
from zqcnn_xp_llvm.kernels.scan_bytes import PARTS, declared, dot_bytes, offset_bytes

__all__ = ["FEW_DIM", "ScanFewBytes", "few_starts"]

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
    (query, part, byte), the last vector of bytes ending with the feature, and 0 where it repeats
    the one before; then an int32 for each query that is added to its sums.
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
        starts = few_starts(self.dim, width)
        queries = self.address(e, "queries")
        last = e.at(queries, self.count * PARTS * len(starts) * width)
        with e.loop(self.integer(e, "tiles")) as turn:
            row = e.mul(turn.index, self.rows)
            x = e.at(self.address(e, "x"), e.mul(turn.index, self.rows * self.dim))
            scales = e.at(self.address(e, "scales"), e.mul(row, 4))
            scores, tests = [], []
            if e.target.asks_ahead:
                for at in range(0, self.rows * self.dim, _LINE):
                    e.prefetch(e.at(x, _AHEAD + at))
            for r in range(self.rows):
                values = [
                    offset_bytes(e, e.read(e.at(x, r * self.dim + at), e.words, width), self.dot)
                    for at in starts
                ]
                scale = e.load_scalar(e.at(scales, 4 * r))
                for k in range(self.count):
                    total = self._total(e, values, e.at(queries, k * PARTS * len(starts) * width))
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

    def _total(self, e: Emitter, values: list[Value], query: Address) -> Value:
        width = e.target.vector_bytes
        sums = []
        for part in range(PARTS):
            total = e.word(0)
            for k, value in enumerate(values):
                at = (part * len(values) + k) * width
                total = dot_bytes(
                    e, total, value, e.read(e.at(query, at), e.words, width), self.dot
                )
            sums.append(total)
        both = e.b.add(e.b.shl(sums[0], e.word(8)), sums[1])
        name = f"llvm.vector.reduce.add.v{e.lanes}i32"
        return e.b.call(declared(e, name, ir.FunctionType(_I32, [e.words])), [both])


def few_starts(dim: int, width: int) -> list[int]:
    """Return where vectors of ``width`` bytes start in a feature: the last ends with it.

    Examples
    --------
    >>> few_starts(130, 64)
    [0, 64, 66]
    """
    return [*range(0, dim - width, width), dim - width]
