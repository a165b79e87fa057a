"""Formulas over whole feature maps, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.codegen.expression import Formula, emit, inputs_of, params_of
from zqcnn_xp_llvm.kernels.base import Kernel, bounded

__all__ = ["MOST_INPUTS", "Pointwise"]

MOST_INPUTS = 3


@dataclass(frozen=True)
class Pointwise(Kernel):
    """Apply a formula to up to three maps of one layout.

    Parameters
    ----------
    formula
        Of inputs 0 to 2 and the channel's parameters.
    blocks
        A pixel is a vector, and a channel of the loops a block of channels; otherwise a vector
        is a piece of a row.
    tile
        Vectors at a time.
    spread
        Inputs that hold one pixel, which is used everywhere.
    single
        Rows are shorter than a vector: one element at a time.

    Notes
    -----
    Parameters lie as (channel or block, parameter, lane of a block).
    """

    pointers: ClassVar[tuple[str, ...]] = ("x0", "x1", "x2", "params", "out")
    integers: ClassVar[tuple[str, ...]] = (
        "channels",
        "rows",
        "tiles",
        "tile_last",
        "x0_row",
        "x0_channel",
        "x1_row",
        "x1_channel",
        "x2_row",
        "x2_channel",
        "out_row",
        "out_channel",
    )

    formula: Formula
    blocks: bool
    tile: int = 1
    spread: tuple[int, ...] = ()
    single: bool = False

    def emit(self, e: Emitter) -> None:
        """Loop over channels, rows and tiles."""
        wide = e.target.vector_bytes if self.blocks else 4
        order = sorted(params_of(self.formula))
        read = sorted(inputs_of(self.formula))
        # In blocks a pixel is a vector; in rows a vector is as many pixels as it has lanes.
        step = self.tile if self.blocks or self.single else self.tile * e.lanes
        pixel = e.target.vector_bytes if self.blocks else 4
        with e.loop(self.integer(e, "channels")) as channel:
            p = e.at(e.pointer(3), e.mul(channel.index, len(order) * wide))
            params = {j: self._parameter(e, e.at(p, k * wide)) for k, j in enumerate(order)}
            planes = {
                k: e.at(e.pointer(k), e.mul(channel.index, self.integer(e, f"x{k}_channel")))
                for k in read
            }
            fixed = {k: self._parameter(e, planes[k]) for k in read if k in self.spread}
            out = e.at(e.pointer(4), e.mul(channel.index, self.integer(e, "out_channel")))
            with e.loop(self.integer(e, "rows")) as row:
                lines = {
                    k: e.at(planes[k], e.mul(row.index, self.integer(e, f"x{k}_row")))
                    for k in read
                    if k not in fixed
                }
                out_y = e.at(out, e.mul(row.index, self.integer(e, "out_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    px = bounded(e, tile.index, step, self.integer(e, "tile_last"))
                    for t in range(self.tile):
                        at = (e.mul(px, pixel), t * e.target.vector_bytes)
                        values = dict(fixed)
                        values.update({k: self._load(e, e.at(a, *at)) for k, a in lines.items()})
                        self._store(e, values, params, e.at(out_y, *at))
        e.finish()

    def _parameter(self, e: Emitter, address: Address) -> Value:
        return e.load(address) if self.blocks else e.broadcast(address)

    def _load(self, e: Emitter, address: Address) -> Value:
        return e.broadcast(address) if self.single else e.load(address)

    def _store(
        self, e: Emitter, values: dict[int, Value], params: dict[int, Value], out: Address
    ) -> None:
        found = emit(e, self.formula, lambda k: values[k], lambda j: params[j])
        if self.single:
            e.store_some(found, out, 1)
        else:
            e.store(found, out)
