"""Convolution whose result lies in rows of one channel: one vector holds neighbouring pixels.

Weights are broadcast, so no lane is wasted on channels that are few or no multiple of a vector.
Input and output are planes of rows; the horizontal stride is 1 or 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, applied, params_of
from zqcnn_xp_llvm.kernels.base import BODY, MAPS, Kernel, bounded, map_integers
from zqcnn_xp_llvm.kernels.lines import line_taps

__all__ = ["ConvRows"]


@dataclass(frozen=True)
class ConvRows(Kernel):
    """A tile of a convolution, over groups of output channels, rows and columns.

    Parameters
    ----------
    channels
        Input channels.
    kernel
        (height, width) of the window.
    step_y, step_x
        Strides in pixels; ``step_x`` is 1 or 2. Several rows of a tile need ``step_y`` to know
        which input rows they share.
    dilation_x
        In pixels; the vertical one is in the strides, and 1 where a tile has several rows.
    rows, vectors, outputs
        Size of the tile: output rows, vectors of a row, output channels of a group.
    formula
        As of `ConvBlocks`; parameters are (channel, parameter) scalars.

    Notes
    -----
    Weights of a group lie as (input channel, window row, window column, output channel).
    """

    pointers: ClassVar[tuple[str, ...]] = MAPS
    integers: ClassVar[tuple[str, ...]] = map_integers("groups", "channel")

    channels: int
    kernel: tuple[int, int]
    step_y: int
    step_x: int
    dilation_x: int
    rows: int
    vectors: int
    outputs: int
    formula: Formula = ACC

    def emit(self, e: Emitter) -> None:
        """Loop over groups, rows and tiles."""
        kh, kw = self.kernel
        count = len(params_of(self.formula))
        x, w, b, p, out, res = (e.pointer(k) for k in range(6))
        step = self.vectors * e.lanes
        with e.loop(self.integer(e, "groups")) as group:
            w_g = e.at(w, e.mul(group.index, self.channels * kh * kw * self.outputs * 4))
            b_g = e.at(b, e.mul(group.index, self.outputs * 4))
            p_g = e.at(p, e.mul(group.index, self.outputs * count * 4))
            out_channel = e.mul(self.integer(e, "out_channel"), self.outputs)
            out_g = e.at(out, e.mul(group.index, out_channel))
            res_channel = e.mul(self.integer(e, "res_channel"), self.outputs)
            res_g = e.at(res, e.mul(group.index, res_channel))
            with e.loop(self.integer(e, "rows")) as row:
                y = bounded(e, row.index, self.rows, self.integer(e, "row_last"))
                x_y = e.at(x, e.mul(y, self.integer(e, "x_row")))
                out_y = e.at(out_g, e.mul(y, self.integer(e, "out_row")))
                res_y = e.at(res_g, e.mul(y, self.integer(e, "res_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    px = bounded(e, tile.index, step, self.integer(e, "tile_last"))
                    sums = self._sums(e, e.at(x_y, e.mul(px, self.step_x * 4)), w_g, b_g)
                    out_t, res_t = (e.at(a, e.mul(px, 4)) for a in (out_y, res_y))
                    self._store(e, sums, p_g, out_t, res_t)
        e.finish()

    def _place(self, channel: int, row: int, vector: int) -> int:
        return (channel * self.rows + row) * self.vectors + vector

    def _sums(self, e: Emitter, x: Address, w: Address, b: Address) -> list[Value]:
        biases = [e.broadcast(e.at(b, 4 * c)) for c in range(self.outputs)]
        sums = [bias for bias in biases for _ in range(self.rows * self.vectors)]
        x_channel = self.integer(e, "x_channel")
        stride = self.kernel[0] * self.kernel[1] * self.outputs * 4
        with e.loop(self.channels, sums) as turn:
            x_c = e.at(x, e.mul(turn.index, x_channel))
            turn.results = self._window(e, x_c, e.at(w, e.mul(turn.index, stride)), turn.values)
        return turn.results

    def _window(self, e: Emitter, x: Address, w: Address, sums: list[Value]) -> list[Value]:
        kh, kw = self.kernel
        x_tap = self.integer(e, "x_tap")
        if self.rows > 1 or kh * kw * len(sums) <= 2 * BODY:
            lines = kh + (self.rows - 1) * self.step_y
            for i in range(lines):
                sums = self._line(e, e.at(x, e.mul(x_tap, i)), w, i, sums)
            return sums
        with e.loop(kh, sums) as down:
            x_i = e.at(x, e.mul(down.index, x_tap))
            w_i = e.at(w, e.mul(down.index, kw * self.outputs * 4))
            down.results = self._line(e, x_i, w_i, 0, down.values)
        return down.results

    def _line(
        self, e: Emitter, x: Address, w: Address, line: int, sums: list[Value]
    ) -> list[Value]:
        """Add the products of one input row, for every output row that sees it."""
        kw = self.kernel[1]
        sums = list(sums)
        seen = [
            (r, line - r * self.step_y)
            for r in range(self.rows)
            if 0 <= line - r * self.step_y < self.kernel[0]
        ]
        taps = line_taps(e, x, kw, self.step_x, self.dilation_x, self.vectors)
        for j, pixels in enumerate(taps):
            cells = {i: e.at(w, 4 * (i * kw + j) * self.outputs) for _, i in seen}
            held = {}
            if e.target.by_lane:
                held = {i: e.broadcasts(cell, self.outputs) for i, cell in cells.items()}
            for c in range(self.outputs):
                for r, i in seen:
                    weight = held[i][c] if held else e.broadcast(e.at(cells[i], 4 * c))
                    for v in range(self.vectors):
                        k = self._place(c, r, v)
                        sums[k] = e.fma(pixels[v], weight, sums[k])
        return sums

    def _params(self, e: Emitter, p: Address, channel: int) -> dict[int, Value]:
        order = sorted(params_of(self.formula))
        return {
            j: e.broadcast(e.at(p, 4 * (channel * len(order) + k))) for k, j in enumerate(order)
        }

    def _store(self, e: Emitter, sums: list[Value], p: Address, out: Address, res: Address) -> None:
        wide = e.target.vector_bytes
        for c in range(self.outputs):
            params = self._params(e, p, c)
            for r in range(self.rows):
                o = e.at(out, e.mul(self.integer(e, "out_channel"), c))
                s = e.at(res, e.mul(self.integer(e, "res_channel"), c))
                o = e.at(o, e.mul(self.integer(e, "out_row"), r))
                s = e.at(s, e.mul(self.integer(e, "res_row"), r))
                for v in range(self.vectors):
                    value = sums[self._place(c, r, v)]
                    s_v = e.at(s, v * wide)
                    value = applied(e, self.formula, value, s_v, params)
                    e.store(value, e.at(o, v * wide))
