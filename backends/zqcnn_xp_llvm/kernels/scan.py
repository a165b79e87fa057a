"""Scores of features with queries that never leave the registers, but for those that count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

from llvmlite import ir

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel

__all__ = ["HEAD", "Scan", "ScanFloats", "entry_bytes"]

HEAD = 8
"""Bytes in front of the entries: how many there are."""

_I64 = ir.IntType(64)
# Values of a feature that one turn of the innermost loop takes.
_TURN = 4


def entry_bytes(lanes: int) -> int:
    """Return the size of an entry: where it comes from, and a vector of scores.

    Examples
    --------
    >>> entry_bytes(16)
    72
    """
    return 8 + 4 * lanes


@dataclass(frozen=True)
class Scan(Kernel):
    """Base of scans: a tile is some rows times some vectors of queries, and all their sums.

    A query is a lane, so that sums need not be added up across lanes. When the sums of a tile are
    done they are compared with the floors of the queries. Vectors of scores of which none reaches
    its floor, nearly all, are forgotten; the others are appended to ``hits``: a count, and entries
    of a number (row * vectors of all queries + vector) and a vector of scores.

    Parameters
    ----------
    dim
        Values of a feature.
    vectors
        Vectors of queries of a tile.
    rows
        Rows of a tile.

    Notes
    -----
    ``x`` are ``tiles * rows`` features without gaps, ``queries`` is packed in ``groups`` of
    ``vectors``, ``floors`` is a float for each lane of all groups. ``hits`` must have room for
    all vectors of scores there are. ``first`` is the number of the first row.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "queries", "floors", "hits", "scales")
    integers: ClassVar[tuple[str, ...]] = ("groups", "tiles", "first")

    dim: int
    vectors: int
    rows: int

    def group_bytes(self, e: Emitter) -> int:
        """Return the size of a group of packed queries."""
        raise TypeError(f"{type(self).__name__} has no packed queries")

    def row_bytes(self) -> int:
        """Return the size of a feature."""
        raise TypeError(f"{type(self).__name__} has no features")

    def scores(self, e: Emitter, x: Address, queries: Address, row: Value) -> list[list[Value]]:
        """Write the sums of a tile; returns a vector of scores by row and vector of queries.

        Parameters
        ----------
        e
            Where to write.
        x, queries
            First row of the tile, and the packed group.
        row
            Number of the first row, from 0.
        """
        raise TypeError(f"{type(self).__name__} has no scores")

    def emit(self, e: Emitter) -> None:
        """Loop over groups of queries and tiles of rows."""
        width = e.target.vector_bytes
        groups = self.integer(e, "groups")
        all_vectors = e.mul(groups, self.vectors)
        with e.loop(groups) as group:
            queries = e.at(self.address(e, "queries"), e.mul(group.index, self.group_bytes(e)))
            floors = e.at(self.address(e, "floors"), e.mul(group.index, self.vectors * width))
            vector = e.mul(group.index, self.vectors)
            with e.loop(self.integer(e, "tiles")) as tile:
                row = e.mul(tile.index, self.rows)
                x = e.at(self.address(e, "x"), e.mul(tile.index, self.rows * self.row_bytes()))
                scores = self.scores(e, x, queries, row)
                limits = [e.load(e.at(floors, v * width)) for v in range(self.vectors)]
                tests = [
                    [e.b.fcmp_ordered(">=", score, limit)]
                    for line in scores
                    for score, limit in zip(line, limits, strict=True)
                ]
                passed = reduce(e.b.or_, (test for (test,) in tests))
                with e.b.if_then(_any(e, passed), likely=False):
                    number = e.mul(e.add(row, self.integer(e, "first")), all_vectors)
                    number = e.add(number, vector)
                    flat = [score for line in scores for score in line]
                    for k, (score, (test,)) in enumerate(zip(flat, tests, strict=True)):
                        r, v = divmod(k, self.vectors)
                        place = e.add(e.add(number, e.mul(all_vectors, r)), v)
                        with e.b.if_then(_any(e, test), likely=False):
                            self._append(e, score, place)
        e.finish()

    def _append(self, e: Emitter, score: Value, place: Value) -> None:
        hits = self.address(e, "hits")
        count = e.read(hits, _I64, 8)
        entry = e.at(hits, e.mul(count, entry_bytes(e.lanes)), HEAD)
        e.write(place, entry, 8)
        e.write(score, e.at(entry, 8), e.target.vector_bytes)
        e.write(e.add(count, 1), hits, 8)


@dataclass(frozen=True)
class ScanFloats(Scan):
    """Scan float32 features. Queries lie as (group, value, vector, lane)."""

    def group_bytes(self, e: Emitter) -> int:
        """Return the size of a group of packed queries."""
        return self.dim * self.vectors * e.target.vector_bytes

    def row_bytes(self) -> int:
        """Return the size of a feature."""
        return 4 * self.dim

    def scores(self, e: Emitter, x: Address, queries: Address, row: Value) -> list[list[Value]]:
        """Add up products, one value of the features after the other."""
        sums = [e.constant(0.0)] * (self.rows * self.vectors)
        turns, rest = divmod(self.dim, _TURN)
        if turns:
            with e.loop(turns, sums) as turn:
                at = e.at(x, e.mul(turn.index, 4 * _TURN))
                packed = _TURN * self.vectors * e.target.vector_bytes
                q = e.at(queries, e.mul(turn.index, packed))
                turn.results = self._add(e, turn.values, at, q, _TURN)
            sums = turn.results
            x = e.at(x, turns * 4 * _TURN)
            queries = e.at(queries, turns * _TURN * self.vectors * e.target.vector_bytes)
        sums = self._add(e, sums, x, queries, rest)
        return [sums[r * self.vectors :][: self.vectors] for r in range(self.rows)]

    def _add(
        self, e: Emitter, sums: list[Value], x: Address, queries: Address, values: int
    ) -> list[Value]:
        width = e.target.vector_bytes
        for k in range(values):
            q = [e.load(e.at(queries, (k * self.vectors + v) * width)) for v in range(self.vectors)]
            for r in range(self.rows):
                value = e.broadcast(e.at(x, r * self.row_bytes() + 4 * k))
                at = r * self.vectors
                new = [e.fma(value, q[v], sums[at + v]) for v in range(self.vectors)]
                sums = [*sums[:at], *new, *sums[at + self.vectors :]]
        return sums


def _any(e: Emitter, test: Any) -> Value:
    """Return whether a comparison holds in any lane."""
    bits = ir.IntType(e.lanes)
    return e.b.icmp_unsigned("!=", e.b.bitcast(test, bits), ir.Constant(bits, 0))
