"""Softmax and sums of squares along one axis of a value in logical order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.codegen.vecmath import exp
from zqcnn_xp_llvm.kernels.base import Kernel, bounded

__all__ = ["Softmax"]


@dataclass(frozen=True)
class Softmax(Kernel):
    """``exp(x - max) / sum(exp(x - max))`` along an axis whose cells lie ``step`` bytes apart.

    Parameters
    ----------
    single
        Neighbouring columns are fewer than a vector: one column at a time.
    pairs
        Columns of two cells that lie side by side, column after column: a vector of columns at a
        time.

    Notes
    -----
    ``outer`` and ``rows`` are loops over columns' starts, ``tiles`` over neighbouring columns.
    Exponentials are kept in the result until their sum is known.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = (
        "outer",
        "x_outer",
        "out_outer",
        "rows",
        "x_row",
        "out_row",
        "tiles",
        "tile_last",
        "cells",
        "x_step",
        "out_step",
    )

    single: bool
    pairs: bool = False

    def emit(self, e: Emitter) -> None:
        """Three passes over each column: the largest, the exponentials, the quotients."""
        with e.loop(self.integer(e, "outer")) as outer:
            x_o = e.at(e.pointer(0), e.mul(outer.index, self.integer(e, "x_outer")))
            out_o = e.at(e.pointer(1), e.mul(outer.index, self.integer(e, "out_outer")))
            with e.loop(self.integer(e, "rows")) as row:
                x = e.at(x_o, e.mul(row.index, self.integer(e, "x_row")))
                out = e.at(out_o, e.mul(row.index, self.integer(e, "out_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    step = 1 if self.single else e.lanes
                    apart = 8 if self.pairs else 4
                    px = e.mul(bounded(e, tile.index, step, self.integer(e, "tile_last")), apart)
                    if self.pairs:
                        self._pairs(e, e.at(x, px), e.at(out, px))
                    else:
                        self._column(e, e.at(x, px), e.at(out, px))
        e.finish()

    def _pairs(self, e: Emitter, x: Address, out: Address) -> None:
        wide = e.target.vector_bytes
        loaded = e.load(x), e.load(e.at(x, wide))
        a, b = e.evens(*loaded), e.odds(*loaded)
        largest = e.b.select(e.b.fcmp_ordered("<=", b, a), a, b)
        grown = [exp(e, e.b.fsub(value, largest)) for value in (a, b)]
        share = e.b.fdiv(e.constant(1.0), e.b.fadd(*grown))
        made = [e.b.fmul(value, share) for value in grown]
        half = e.lanes // 2
        for k in range(2):
            places = [(k * half + n // 2) + (n % 2) * e.lanes for n in range(e.lanes)]
            e.store(e.shuffle(made[0], made[1], places), e.at(out, k * wide))

    def _column(self, e: Emitter, x: Address, out: Address) -> None:
        cells = self.integer(e, "cells")
        x_step, out_step = self.integer(e, "x_step"), self.integer(e, "out_step")
        with e.loop(cells, [e.constant(float("-inf"))]) as turn:
            value = self._load(e, e.at(x, e.mul(turn.index, x_step)))
            top = turn.values[0]
            # A NaN on either side stays, as with numpy.maximum.
            turn.results = [e.b.select(e.b.fcmp_ordered("<=", value, top), top, value)]
        largest = turn.results[0]
        with e.loop(cells, [e.constant(0.0)]) as turn:
            value = self._load(e, e.at(x, e.mul(turn.index, x_step)))
            grown = exp(e, e.b.fsub(value, largest))
            self._store(e, grown, e.at(out, e.mul(turn.index, out_step)))
            turn.results = [e.b.fadd(turn.values[0], grown)]
        share = e.b.fdiv(e.constant(1.0), turn.results[0])
        with e.loop(cells) as turn:
            place = e.at(out, e.mul(turn.index, out_step))
            self._store(e, e.b.fmul(self._load(e, place), share), place)

    def _load(self, e: Emitter, address: Address) -> Value:
        return e.broadcast(address) if self.single else e.load(address)

    def _store(self, e: Emitter, value: Value, address: Address) -> None:
        e.store_some(value, address, 1 if self.single else e.lanes)
