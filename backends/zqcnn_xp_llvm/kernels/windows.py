"""Windows that fold one channel at a time: depthwise convolution, maximum, sum.

`WindowBlocks` works on blocks of channels, `WindowRows` on rows of one channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, applied, params_of
from zqcnn_xp_llvm.kernels.base import MAPS, Kernel, bounded, map_integers
from zqcnn_xp_llvm.kernels.lines import line_taps

__all__ = ["Fold", "WindowBlocks", "WindowRows"]

Fold: TypeAlias = Literal["product", "max", "sum"]

# Weights of so many cells stay in registers while a map goes by.
HELD = 9


def _start(e: Emitter, fold: Fold, bias: Value) -> Value:
    if fold == "product":
        return bias
    return e.constant(float("-inf") if fold == "max" else 0.0)


def _folded(e: Emitter, fold: Fold, x: Value, weight: Value | None, total: Value) -> Value:
    if fold == "product":
        return e.fma(x, weight, total)
    return e.largest(total, x) if fold == "max" else e.b.fadd(total, x)


@dataclass(frozen=True)
class WindowBlocks(Kernel):
    """Fold windows of blocks of channels.

    Parameters
    ----------
    fold
        ``"product"`` (with weights, added to the bias), ``"max"`` or ``"sum"``.
    kernel
        (height, width) of the window.
    step_y, step_x, dilation_x
        Strides and horizontal dilation in pixels; rows of a tile share input rows by ``step_y``.
    in_px, out_px, res_px
        Bytes from one pixel to the next.
    rows, pixels
        Size of the tile.
    formula
        What is stored: of the fold (input 0), another map (input 1) and parameters.

    Notes
    -----
    Weights lie as (block, window row, window column, lane), parameters as (block, parameter,
    lane).
    """

    pointers: ClassVar[tuple[str, ...]] = MAPS
    integers: ClassVar[tuple[str, ...]] = map_integers("blocks", "block")

    fold: Fold
    kernel: tuple[int, int]
    step_y: int
    step_x: int
    dilation_x: int
    in_px: int
    out_px: int
    res_px: int
    rows: int
    pixels: int
    formula: Formula = ACC

    def emit(self, e: Emitter) -> None:
        """Loop over blocks, rows and tiles."""
        wide = e.target.vector_bytes
        cells = self.kernel[0] * self.kernel[1]
        order = sorted(params_of(self.formula))
        x, w, b, p, out, res = (e.pointer(k) for k in range(6))
        with e.loop(self.integer(e, "blocks")) as block:
            w_b = e.at(w, e.mul(block.index, cells * wide))
            p_b = e.at(p, e.mul(block.index, len(order) * wide))
            product = self.fold == "product"
            bias = e.load(e.at(b, e.mul(block.index, wide))) if product else e.constant(0.0)
            params = {j: e.load(e.at(p_b, k * wide)) for k, j in enumerate(order)}
            held = None
            if product and cells <= HELD:
                held = [e.load(e.at(w_b, k * wide)) for k in range(cells)]
            x_b = e.at(x, e.mul(block.index, self.integer(e, "x_block")))
            out_b = e.at(out, e.mul(block.index, self.integer(e, "out_block")))
            res_b = e.at(res, e.mul(block.index, self.integer(e, "res_block")))
            with e.loop(self.integer(e, "rows")) as row:
                y = bounded(e, row.index, self.rows, self.integer(e, "row_last"))
                x_y = e.at(x_b, e.mul(y, self.integer(e, "x_row")))
                out_y = e.at(out_b, e.mul(y, self.integer(e, "out_row")))
                res_y = e.at(res_b, e.mul(y, self.integer(e, "res_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    px = bounded(e, tile.index, self.pixels, self.integer(e, "tile_last"))
                    x_t = e.at(x_y, e.mul(px, self.step_x * self.in_px))
                    start = _start(e, self.fold, bias)
                    sums = self._sums(e, x_t, w_b, held, start)
                    for r in range(self.rows):
                        o = e.at(out_y, e.mul(self.integer(e, "out_row"), r))
                        s = e.at(res_y, e.mul(self.integer(e, "res_row"), r))
                        o = e.at(o, e.mul(px, self.out_px))
                        s = e.at(s, e.mul(px, self.res_px))
                        for k in range(self.pixels):
                            total = sums[r * self.pixels + k]
                            place = e.at(s, k * self.res_px)
                            value = applied(e, self.formula, total, place, params)
                            e.store(value, e.at(o, k * self.out_px))
        e.finish()

    def _sums(
        self, e: Emitter, x: Address, w: Address, held: list[Value] | None, start: Value
    ) -> list[Value]:
        kh, _ = self.kernel
        sums = [start] * (self.rows * self.pixels)
        x_tap = self.integer(e, "x_tap")
        if self.rows > 1 or kh <= 5:
            for line in range(kh + (self.rows - 1) * self.step_y):
                sums = self._line(e, e.at(x, e.mul(x_tap, line)), w, held, line, sums)
            return sums
        wide = self.kernel[1] * e.target.vector_bytes
        with e.loop(kh, sums) as down:
            x_i = e.at(x, e.mul(down.index, x_tap))
            w_i = e.at(w, e.mul(down.index, wide))
            down.results = self._line(e, x_i, w_i, None, 0, down.values)
        return down.results

    def _line(
        self,
        e: Emitter,
        x: Address,
        w: Address,
        held: list[Value] | None,
        line: int,
        sums: list[Value],
    ) -> list[Value]:
        kh, kw = self.kernel
        wide = e.target.vector_bytes
        seen = [
            (r, line - r * self.step_y)
            for r in range(self.rows)
            if 0 <= line - r * self.step_y < kh
        ]
        weights: dict[int, Value | None] = {}
        for _, i in seen:
            for cell in range(i * kw, (i + 1) * kw):
                if self.fold != "product":
                    weights[cell] = None
                else:
                    weights[cell] = held[cell] if held else e.load(e.at(w, cell * wide))
        sums = list(sums)
        # Column by column, so that one pixel at a time needs a register.
        for column in range((self.pixels - 1) * self.step_x + (kw - 1) * self.dilation_x + 1):
            reached = [
                (k, j)
                for k in range(self.pixels)
                for j in range(kw)
                if k * self.step_x + j * self.dilation_x == column
            ]
            if not reached:
                continue
            value = e.load(e.at(x, column * self.in_px))
            for r, i in seen:
                for k, j in reached:
                    at = r * self.pixels + k
                    sums[at] = _folded(e, self.fold, value, weights[i * kw + j], sums[at])
        return sums


@dataclass(frozen=True)
class WindowRows(Kernel):
    """Fold windows of rows of one channel.

    Parameters
    ----------
    fold, kernel, step_y, dilation_x, formula
        As of `WindowBlocks`.
    step_x
        Horizontal stride, 1 or 2.
    rows, vectors
        Size of the tile.

    Notes
    -----
    Weights lie as (channel, window row, window column), parameters as (channel, parameter).
    """

    pointers: ClassVar[tuple[str, ...]] = MAPS
    integers: ClassVar[tuple[str, ...]] = map_integers("channels", "channel")

    fold: Fold
    kernel: tuple[int, int]
    step_y: int
    step_x: int
    dilation_x: int
    rows: int
    vectors: int
    formula: Formula = ACC

    def emit(self, e: Emitter) -> None:
        """Loop over channels, rows and tiles."""
        wide = e.target.vector_bytes
        kh, kw = self.kernel
        order = sorted(params_of(self.formula))
        x, w, b, p, out, res = (e.pointer(k) for k in range(6))
        product = self.fold == "product"
        with e.loop(self.integer(e, "channels")) as channel:
            w_c = e.at(w, e.mul(channel.index, kh * kw * 4))
            p_c = e.at(p, e.mul(channel.index, len(order) * 4))
            bias = e.broadcast(e.at(b, e.mul(channel.index, 4))) if product else e.constant(0.0)
            params = {j: e.broadcast(e.at(p_c, 4 * k)) for k, j in enumerate(order)}
            weights = None
            if product:
                weights = e.broadcasts(w_c, kh * kw)
            x_c = e.at(x, e.mul(channel.index, self.integer(e, "x_channel")))
            out_c = e.at(out, e.mul(channel.index, self.integer(e, "out_channel")))
            res_c = e.at(res, e.mul(channel.index, self.integer(e, "res_channel")))
            with e.loop(self.integer(e, "rows")) as row:
                y = bounded(e, row.index, self.rows, self.integer(e, "row_last"))
                x_y = e.at(x_c, e.mul(y, self.integer(e, "x_row")))
                out_y = e.at(out_c, e.mul(y, self.integer(e, "out_row")))
                res_y = e.at(res_c, e.mul(y, self.integer(e, "res_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    step = self.vectors * e.lanes
                    px = bounded(e, tile.index, step, self.integer(e, "tile_last"))
                    x_t = e.at(x_y, e.mul(px, 4 * self.step_x))
                    sums = self._sums(e, x_t, weights, _start(e, self.fold, bias))
                    for r in range(self.rows):
                        o = e.at(out_y, e.mul(self.integer(e, "out_row"), r), e.mul(px, 4))
                        s = e.at(res_y, e.mul(self.integer(e, "res_row"), r), e.mul(px, 4))
                        for v in range(self.vectors):
                            total = sums[r * self.vectors + v]
                            place = e.at(s, v * wide)
                            value = applied(e, self.formula, total, place, params)
                            e.store(value, e.at(o, v * wide))
        e.finish()

    def _sums(
        self, e: Emitter, x: Address, weights: list[Value] | None, start: Value
    ) -> list[Value]:
        kh, kw = self.kernel
        sums = [start] * (self.rows * self.vectors)
        for line in range(kh + (self.rows - 1) * self.step_y):
            x_i = e.at(x, e.mul(self.integer(e, "x_tap"), line))
            taps = line_taps(e, x_i, kw, self.step_x, self.dilation_x, self.vectors)
            for j, pixels in enumerate(taps):
                for r in range(self.rows):
                    i = line - r * self.step_y
                    if not 0 <= i < kh:
                        continue
                    weight = None if weights is None else weights[i * kw + j]
                    for v in range(self.vectors):
                        at = r * self.vectors + v
                        sums[at] = _folded(e, self.fold, pixels[v], weight, sums[at])
        return sums
