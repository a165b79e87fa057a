"""Division by the length of each pixel's vector of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.base import Kernel, bounded

__all__ = ["Normalize"]


@dataclass(frozen=True)
class Normalize(Kernel):
    """``x / sqrt(sum(x ** 2) + eps) * scale[channel]`` over planes.

    Parameters
    ----------
    eps
        Added to the sum of squares.
    single
        Rows are shorter than a vector: one pixel at a time.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "scale", "out")
    integers: ClassVar[tuple[str, ...]] = (
        "rows",
        "x_row",
        "out_row",
        "tiles",
        "tile_last",
        "channels",
        "x_channel",
        "out_channel",
    )

    eps: float
    single: bool

    def emit(self, e: Emitter) -> None:
        """Sum the squares of each pixel, then scale its channels."""
        channels = self.integer(e, "channels")
        x_channel, out_channel = self.integer(e, "x_channel"), self.integer(e, "out_channel")
        lanes = 1 if self.single else e.lanes

        def load(address: Address) -> Value:
            return e.broadcast(address) if self.single else e.load(address)

        with e.loop(self.integer(e, "rows")) as row:
            x_y = e.at(e.pointer(0), e.mul(row.index, self.integer(e, "x_row")))
            out_y = e.at(e.pointer(2), e.mul(row.index, self.integer(e, "out_row")))
            with e.loop(self.integer(e, "tiles")) as tile:
                px = e.mul(bounded(e, tile.index, lanes, self.integer(e, "tile_last")), 4)
                x, out = e.at(x_y, px), e.at(out_y, px)
                with e.loop(channels, [e.constant(0.0)]) as turn:
                    value = load(e.at(x, e.mul(turn.index, x_channel)))
                    turn.results = [e.fma(value, value, turn.values[0])]
                length = e.call("sqrt", e.b.fadd(turn.results[0], e.constant(self.eps)))
                with e.loop(channels) as turn:
                    value = load(e.at(x, e.mul(turn.index, x_channel)))
                    scale = e.broadcast(e.at(e.pointer(1), e.mul(turn.index, 4)))
                    made = e.b.fmul(e.b.fdiv(value, length), scale)
                    e.store_some(made, e.at(out, e.mul(turn.index, out_channel)), lanes)
        e.finish()
