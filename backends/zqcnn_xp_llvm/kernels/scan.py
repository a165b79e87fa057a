"""Scores of features with queries that never leave the registers, but for those that count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

from llvmlite import ir

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel

__all__ = [
    "HEAD",
    "Scan",
    "ScanFloats",
    "absolute",
    "add_lanes",
    "any_lane",
    "append_hit",
    "entry_bytes",
    "rounding",
]

HEAD = 16
"""Bytes in front of the entries: how many there are, and how many there is room for."""

_I64 = ir.IntType(64)
# Values of a feature that one turn of the innermost loop takes.
_TURN = 4


def entry_bytes(lanes: int) -> int:
    """Return the size of an entry: where it comes from, the row's size, a vector of scores.

    Examples
    --------
    >>> entry_bytes(16)
    76
    """
    return 12 + 4 * lanes


def rounding(dim: int) -> float:
    """Return how far sums of ``dim`` products may be off, relative to the sum of their sizes.

    That is ``dim * 2 ** -24`` for any order of adding; four times that covers the rounding of the
    sizes, and of this bound.
    """
    return 4 * (dim + 2) * 2.0**-24


@dataclass(frozen=True)
class Scan(Kernel):
    """Base of scans: a tile is some rows times some vectors of queries, and all their sums.

    A query is a lane, so that sums need not be added up across lanes. When the sums of a tile are
    done they are compared with the floors of the queries. Vectors of scores of which none reaches
    its floor, nearly all, are forgotten; the others are appended to ``hits``: a count, how many
    there is room for, and entries of a number (row * vectors of all queries + vector), a row's size
    and a vector of scores.

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
    ``vectors``, ``floors`` and ``peaks`` (a query's largest value) are floats for each lane of
    all groups. ``hits`` must have room for all vectors of scores there are, or for one entry more
    than it says: what is too many is written there, and counted. ``first`` is the number of the
    first row.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "queries", "floors", "hits", "scales", "peaks")
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

    def sizes(self, e: Emitter, x: Address) -> list[Value]:
        """Write the sums of the absolute values of each row, floats; 0 where scores are exact."""
        return [e.scalar(0.0)] * self.rows

    def most(self, e: Emitter, score: Value, size: Value, scale: Value) -> Value:
        """Write what an exact score may be, given a rounded one."""
        return score

    def emit(self, e: Emitter) -> None:
        """Loop over groups of queries and tiles of rows."""
        width = e.target.vector_bytes
        groups = self.integer(e, "groups")
        all_vectors = e.mul(groups, self.vectors)
        with e.loop(groups) as group:
            queries = e.at(self.address(e, "queries"), e.mul(group.index, self.group_bytes(e)))
            lanes = e.mul(group.index, self.vectors * width)
            floors = e.at(self.address(e, "floors"), lanes)
            peaks = e.at(self.address(e, "peaks"), lanes)
            vector = e.mul(group.index, self.vectors)
            with e.loop(self.integer(e, "tiles")) as tile:
                row = e.mul(tile.index, self.rows)
                x = e.at(self.address(e, "x"), e.mul(tile.index, self.rows * self.row_bytes()))
                sizes = self.sizes(e, x)
                scores = self.scores(e, x, queries, row)
                limits = [e.load(e.at(floors, v * width)) for v in range(self.vectors)]
                tests = []
                for line, size in zip(scores, sizes, strict=True):
                    for v, score in enumerate(line):
                        most = self.most(e, score, size, e.at(peaks, v * width))
                        # What is no number passes: nothing can be said about it.
                        tests.append(e.b.fcmp_unordered(">=", most, limits[v]))
                with e.b.if_then(any_lane(e, reduce(e.b.or_, tests)), likely=False):
                    number = e.mul(e.add(row, self.integer(e, "first")), all_vectors)
                    number = e.add(number, vector)
                    for k, test in enumerate(tests):
                        r, v = divmod(k, self.vectors)
                        place = e.add(e.add(number, e.mul(all_vectors, r)), v)
                        with e.b.if_then(any_lane(e, test), likely=False):
                            hits = self.address(e, "hits")
                            append_hit(e, hits, place, sizes[r], scores[r][v], e.lanes)
        e.finish()


def append_hit(
    e: Emitter, hits: Address, place: Value, size: Value, score: Value, lanes: int
) -> None:
    """Write one more entry, and count it; where there is no room, over the one behind the last."""
    count, room = e.read(hits, _I64, 8), e.read(e.at(hits, 8), _I64, 8)
    slot = e.b.select(e.b.icmp_signed("<", count, room), count, room)
    entry = e.at(hits, e.mul(slot, entry_bytes(lanes)), HEAD)
    e.write(place, entry, 8)
    e.write(size, e.at(entry, 8), 4)
    e.write(score, e.at(entry, 12), 4 * lanes)
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

    def sizes(self, e: Emitter, x: Address) -> list[Value]:
        """Add up absolute values, a vector at a time; some may count twice."""
        return [self._size(e, e.at(x, r * self.row_bytes())) for r in range(self.rows)]

    def _size(self, e: Emitter, x: Address) -> Value:
        if self.dim < e.lanes:
            values = [e.load_scalar(e.at(x, 4 * k)) for k in range(self.dim)]
            return reduce(e.b.fadd, [absolute(e, value) for value in values])
        starts = [*range(0, self.dim - e.lanes, e.lanes), self.dim - e.lanes]
        total = reduce(e.b.fadd, [absolute(e, e.load(e.at(x, 4 * k))) for k in starts])
        return add_lanes(e, total)

    def most(self, e: Emitter, score: Value, size: Value, scale: Value) -> Value:
        """Add the bound of rounding: infinite, where sums on the way may have been."""
        bound = e.b.fmul(e.splat(size), e.load(scale))
        return e.b.fadd(score, e.b.fmul(bound, e.constant(rounding(self.dim) / 4)))

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


def any_lane(e: Emitter, test: Any) -> Value:
    """Return whether a comparison holds in any lane."""
    bits = ir.IntType(e.lanes)
    return e.b.icmp_unsigned("!=", e.b.bitcast(test, bits), ir.Constant(bits, 0))


def add_lanes(e: Emitter, vector: Value) -> Value:
    """Return the sum of a vector's lanes, in halves."""
    lanes = e.lanes
    while lanes > 1:
        lanes //= 2
        upper = e.shuffle(vector, vector, range(lanes, 2 * lanes))
        vector = e.b.fadd(e.shuffle(vector, vector, range(lanes)), upper)
    return e.b.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def absolute(e: Emitter, value: Value) -> Value:
    """Return a float or a vector without its sign."""
    kind = value.type
    name = "llvm.fabs.f32" if kind == ir.FloatType() else f"llvm.fabs.v{kind.count}f32"
    function = e.module.globals.get(name)
    if function is None:
        function = ir.Function(e.module, ir.FunctionType(kind, [kind]), name)
    return e.b.call(function, [value])
