"""Convolution whose result lies in blocks of channels: one vector holds one pixel's block.

Pixels are broadcast, so the input may lie in any layout. A tile of ``rows x pixels x vectors``
sums stays in registers while the window and the input channels run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, applied, params_of
from zqcnn_xp_llvm.kernels.base import BODY, MAPS, Kernel, bounded, map_integers

__all__ = ["ConvBlocks"]


@dataclass(frozen=True)
class ConvBlocks(Kernel):
    """A tile of a convolution, over groups of output blocks, rows and columns.

    All of it is repeated for ``repeats`` maps and kernels that lie a constant distance apart; they
    share biases and parameters.

    Parameters
    ----------
    channels
        Input channels.
    block
        Input channels that lie side by side: a vector's lanes, or 1 for planes.
    kernel
        (height, width) of the window.
    step_x, dilation_x
        Horizontal stride and dilation in pixels; the vertical ones are in the strides.
    in_px, out_px, res_px
        Bytes from one pixel to the next; ``res_px`` of the formula's second input.
    rows, pixels, vectors
        Size of the tile; ``vectors`` output blocks make a group.
    formula
        What is stored, of the sum and the bias (input 0), another map (input 1) and parameters.
    pair
        Max feature map: the second half of a group's vectors is compared with the first.
    tail
        Channels to store of the last vector; 0 for all.
    ahead
        Bytes by which weights are asked for ahead of their use; 0 for not at all.

    Notes
    -----
    Weights of a group lie as (input block, window row, window column, channel in the block,
    vector, lane); ``bias`` as (vector, lane), parameters as (vector, parameter, lane), where a
    pair's parameters are those of its result.
    """

    pointers: ClassVar[tuple[str, ...]] = MAPS
    integers: ClassVar[tuple[str, ...]] = (
        *map_integers("groups", "block"),
        "repeats",
        "x_repeat",
        "weights_repeat",
        "out_repeat",
    )

    channels: int
    block: int
    kernel: tuple[int, int]
    step_x: int
    dilation_x: int
    in_px: int
    out_px: int
    res_px: int
    rows: int
    pixels: int
    vectors: int
    formula: Formula = ACC
    pair: bool = False
    tail: int = 0
    ahead: int = 0

    @property
    def results(self) -> int:
        """Blocks of results in a group."""
        return self.vectors // 2 if self.pair else self.vectors

    def group_bytes(self, wide: int) -> dict[str, int]:
        """Return how far a group's weights, biases and parameters lie from the next one's.

        Parameters
        ----------
        wide
            Bytes of a vector.
        """
        cells = self.channels * self.kernel[0] * self.kernel[1]
        return {
            "weights": cells * self.vectors * wide,
            "bias": self.vectors * wide,
            "params": self.results * len(params_of(self.formula)) * wide,
        }

    def emit(self, e: Emitter) -> None:
        """Loop over repeats, groups, rows and tiles."""
        given = {name: e.pointer(k) for k, name in enumerate(self.pointers)}
        with e.loop(self.integer(e, "repeats")) as repeat:
            moved = {
                name: e.at(given[name], e.mul(repeat.index, self.integer(e, f"{name}_repeat")))
                for name in ("x", "weights", "out")
            }
            self._groups(e, given | moved)
        e.finish()

    def _groups(self, e: Emitter, given: dict[str, Address]) -> None:
        """Write the loops over groups, rows and tiles of one map."""
        made = self.results
        apart = self.group_bytes(e.target.vector_bytes)
        x, w, b, p, out, res = (given[name] for name in self.pointers)
        with e.loop(self.integer(e, "groups")) as group:
            w_g = e.at(w, e.mul(group.index, apart["weights"]))
            b_g = e.at(b, e.mul(group.index, apart["bias"]))
            p_g = e.at(p, e.mul(group.index, apart["params"]))
            out_g = e.at(out, e.mul(e.mul(self.integer(e, "out_block"), made), group.index))
            res_g = e.at(res, e.mul(e.mul(self.integer(e, "res_block"), made), group.index))
            with e.loop(self.integer(e, "rows")) as row:
                y = bounded(e, row.index, self.rows, self.integer(e, "row_last"))
                x_y = e.at(x, e.mul(y, self.integer(e, "x_row")))
                out_y = e.at(out_g, e.mul(y, self.integer(e, "out_row")))
                res_y = e.at(res_g, e.mul(y, self.integer(e, "res_row")))
                with e.loop(self.integer(e, "tiles")) as tile:
                    px = bounded(e, tile.index, self.pixels, self.integer(e, "tile_last"))
                    x_t = e.at(x_y, e.mul(px, self.step_x * self.in_px))
                    sums = self._sums(e, x_t, w_g, b_g)
                    out_t = e.at(out_y, e.mul(px, self.out_px))
                    res_t = e.at(res_y, e.mul(px, self.res_px))
                    self._store(e, sums, p_g, out_t, res_t)

    def _sums(self, e: Emitter, x: Address, w: Address, b: Address) -> list[Value]:
        biases = [e.load(e.at(b, v * e.target.vector_bytes)) for v in range(self.vectors)]
        sums = biases * (self.rows * self.pixels)
        starts = [e.at(x, e.mul(self.integer(e, "x_row"), r)) for r in range(self.rows)]
        full, rest = divmod(self.channels, self.block)
        stride = self.kernel[0] * self.kernel[1] * self.vectors * e.target.vector_bytes
        x_block = self.integer(e, "x_block")
        if full:
            with e.loop(full, sums) as turn:
                moved = [e.at(s, e.mul(turn.index, x_block)) for s in starts]
                w_b = e.at(w, e.mul(turn.index, stride * self.block))
                turn.results = self._window(e, moved, w_b, self.block, turn.values)
            sums = turn.results
        if rest:
            moved = [e.at(s, e.mul(x_block, full)) for s in starts]
            sums = self._window(e, moved, e.at(w, stride * self.block * full), rest, sums)
        return sums

    def _window(
        self, e: Emitter, x: list[Address], w: Address, lanes: int, sums: list[Value]
    ) -> list[Value]:
        """Add the products of the whole window with ``lanes`` input channels."""
        kh, kw = self.kernel
        tap = lanes * self.vectors * e.target.vector_bytes
        across = self.dilation_x * self.in_px
        x_tap = self.integer(e, "x_tap")
        cost = lanes * len(sums)
        if kh * kw * cost <= 2 * BODY:
            for i in range(kh):
                line = [e.at(s, e.mul(x_tap, i)) for s in x]
                for j in range(kw):
                    moved = [e.at(s, j * across) for s in line]
                    sums = self._lanes(e, moved, e.at(w, (i * kw + j) * tap), lanes, sums)
            return sums
        with e.loop(kh, sums) as down:
            line = [e.at(s, e.mul(down.index, x_tap)) for s in x]
            w_i = e.at(w, e.mul(down.index, kw * tap))
            if kw * cost <= 2 * BODY:
                sums = down.values
                for j in range(kw):
                    moved = [e.at(s, j * across) for s in line]
                    sums = self._lanes(e, moved, e.at(w_i, j * tap), lanes, sums)
            else:
                with e.loop(kw, down.values) as right:
                    moved = [e.at(s, e.mul(right.index, across)) for s in line]
                    w_j = e.at(w_i, e.mul(right.index, tap))
                    right.results = self._lanes(e, moved, w_j, lanes, right.values)
                sums = right.results
            down.results = sums
        return down.results

    def _lanes(
        self, e: Emitter, x: list[Address], w: Address, lanes: int, sums: list[Value]
    ) -> list[Value]:
        unrolled = lanes
        while unrolled * len(sums) > BODY and unrolled % 2 == 0:
            unrolled //= 2
        wide = self.vectors * e.target.vector_bytes
        with e.loop(lanes // unrolled, sums) as turn:
            moved = [e.at(s, e.mul(turn.index, unrolled * 4)) for s in x]
            w_l = e.at(w, e.mul(turn.index, unrolled * wide))
            sums = list(turn.values)
            pixels = self._pixels(e, moved, unrolled)
            for lane in range(unrolled):
                w_k = e.at(w_l, lane * wide)
                if self.ahead:
                    for at in range(0, wide, 64):
                        e.prefetch(e.at(w_k, self.ahead + at))
                sums = self._products(e, partial(pixels, lane), w_k, sums)
            turn.results = sums
        return turn.results

    def _pixels(self, e: Emitter, x: list[Address], lanes: int) -> Callable[[int, int, int], Value]:
        """Return what gives a channel of the tile's pixel (row, column) in every lane."""
        step = self.step_x * self.in_px

        def one(lane: int, r: int, p: int) -> Value:
            return e.broadcast(e.at(x[r], lane * 4 + p * step))

        if e.target.by_lane and step == 4 * self.step_x and self.block == 1:
            span = (self.pixels - 1) * self.step_x + 1
            lines = [e.broadcasts(a, span)[:: self.step_x] for a in x]
            return lambda lane, r, p: lines[r][p]
        # Fewer channels than a vector has may end where the map ends.
        if not e.target.by_lane or lanes < e.lanes:
            return one
        held = [
            [e.broadcasts(e.at(x[r], p * step), lanes) for p in range(self.pixels)]
            for r in range(self.rows)
        ]
        return lambda lane, r, p: held[r][p][lane]

    def _products(
        self, e: Emitter, pixels: Callable[[int, int], Value], w: Address, sums: list[Value]
    ) -> list[Value]:
        wide = e.target.vector_bytes
        weights = [e.load(e.at(w, v * wide)) for v in range(self.vectors)]
        made: list[Value] = []
        for r in range(self.rows):
            for p in range(self.pixels):
                pixel = pixels(r, p)
                for v in range(self.vectors):
                    made.append(e.fma(pixel, weights[v], sums[len(made)]))
        return made

    def _store(self, e: Emitter, sums: list[Value], p: Address, out: Address, res: Address) -> None:
        wide = e.target.vector_bytes
        made = self.results
        order = sorted(params_of(self.formula))
        params = [
            {j: e.load(e.at(p, (v * len(order) + k) * wide)) for k, j in enumerate(order)}
            for v in range(made)
        ]
        out_block, res_block = self.integer(e, "out_block"), self.integer(e, "res_block")
        for r in range(self.rows):
            for px in range(self.pixels):
                first = (r * self.pixels + px) * self.vectors
                for v in range(made):
                    value = sums[first + v]
                    if self.pair:
                        value = e.largest(value, sums[first + v + made])
                    o = e.at(out, e.mul(self.integer(e, "out_row"), r), px * self.out_px)
                    s = e.at(res, e.mul(self.integer(e, "res_row"), r), px * self.res_px)
                    o, s = e.at(o, e.mul(out_block, v)), e.at(s, e.mul(res_block, v))
                    value = applied(e, self.formula, value, s, params[v])
                    last = self.tail if self.tail and v == made - 1 else e.lanes
                    e.store_some(value, o, last)
