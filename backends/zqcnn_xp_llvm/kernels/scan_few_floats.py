"""Scans of float32 features for a query or two, as quick as memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.scan import Scan, absolute, add_lanes, append_hit, rounding
from zqcnn_xp_llvm.kernels.scan_few import ask_ahead, few_starts

__all__ = ["ScanFewFloats"]


@dataclass(frozen=True)
class ScanFewFloats(Kernel):
    """Scan float32 features for few queries: a lane is a place in the feature.

    Parameters
    ----------
    dim
        Values of a feature, as many as a vector has or more.
    count
        Queries.
    rows
        Rows of a turn.

    Notes
    -----
    Arguments and entries are those of a scan with ``count`` vectors of one lane. Queries lie as
    (query, value), the last vector ending with the feature, and 0 where it repeats the one before.
    """

    pointers: ClassVar[tuple[str, ...]] = Scan.pointers
    integers: ClassVar[tuple[str, ...]] = Scan.integers

    dim: int
    count: int
    rows: int

    def emit(self, e: Emitter) -> None:
        """Loop over rows, some at a time."""
        starts = few_starts(self.dim, e.lanes)
        width = e.target.vector_bytes
        queries = self.address(e, "queries")
        with e.loop(self.integer(e, "tiles")) as turn:
            row = e.mul(turn.index, self.rows)
            x = e.at(self.address(e, "x"), e.mul(turn.index, 4 * self.rows * self.dim))
            ask_ahead(e, x, 4 * self.rows * self.dim)
            sizes, scores, tests = [], [], []
            for r in range(self.rows):
                values = [e.load(e.at(x, 4 * (r * self.dim + at))) for at in starts]
                size = add_lanes(e, reduce(e.b.fadd, [absolute(e, value) for value in values]))
                for k in range(self.count):
                    query = e.at(queries, k * len(starts) * width)
                    scores.append(self._score(e, values, query))
                    sizes.append(size)
                    peak = e.load_scalar(e.at(self.address(e, "peaks"), 4 * k))
                    # Infinite, where sums on the way may have been.
                    bound = e.b.fmul(e.b.fmul(size, peak), e.scalar(rounding(self.dim) / 4))
                    limit = e.load_scalar(e.at(self.address(e, "floors"), 4 * k))
                    most = e.b.fadd(scores[-1], bound)
                    tests.append(e.b.fcmp_unordered(">=", most, limit))
            with e.b.if_then(reduce(e.b.or_, tests), likely=False):
                number = e.mul(e.add(row, self.integer(e, "first")), self.count)
                for k, (score, test) in enumerate(zip(scores, tests, strict=True)):
                    with e.b.if_then(test, likely=False):
                        hits = self.address(e, "hits")
                        append_hit(e, hits, e.add(number, k), sizes[k], score, 1)
        e.finish()

    def _score(self, e: Emitter, values: list[Value], query: Address) -> Value:
        total = e.constant(0.0)
        for k, value in enumerate(values):
            total = e.fma(value, e.load(e.at(query, k * e.target.vector_bytes)), total)
        return add_lanes(e, total)
