"""Winograd's minimal filtering for 3 x 3 windows: the transforms around the products.

F(m x m): tiles of m x m results from (m + 2) x (m + 2) inputs, with (m + 2)**2 products for m**2
results instead of 9 m**2 (Lavin and Gray 2016). Polynomials are evaluated at 0, 1, -1 and infinity
for m = 2, and at 0, a, -a, b, -b and infinity for m = 4. The usual a = 1, b = 2 lose two to five
times as many digits as a = 5/8, b = 3/2, which binary fractions hold exactly (measured; why points
matter: Barabasz et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp_llvm.codegen.emitter import Emitter, Value
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, applied, params_of
from zqcnn_xp_llvm.kernels.base import Kernel, bounded

__all__ = ["WinogradInput", "WinogradOutput", "transformed_weights"]

_A, _B = 0.625, 1.5
_AA, _BB = _A * _A, _B * _B


def _line(p: float, scale: float) -> tuple[float, float, float]:
    return (1 / scale, p / scale, p * p / scale)


# Values of the window's polynomial 1, x, x**2 at each point, over the products of the point's
# distances from the others.
_WEIGHT = {
    2: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    4: (
        _line(0, _AA * _BB),
        *(_line(p, 2 * _AA * (_AA - _BB)) for p in (_A, -_A)),
        *(_line(p, 2 * _BB * (_BB - _AA)) for p in (_B, -_B)),
        (0, 0, 1),
    ),
}


def transformed_weights(w: np.ndarray[Any, Any], m: int) -> np.ndarray[Any, Any]:
    """Return the (m + 2, m + 2, C, O) products' weights of a kernel (3, 3, C, O).

    Computed in float64, rounded once.
    """
    g = np.array(_WEIGHT[m], np.float64)
    made = np.einsum("ia,abco,jb->ijco", g, w.astype(np.float64), g, optimize=True)
    found: np.ndarray[Any, Any] = made.astype(np.float32)
    return found


def _in(e: Emitter, m: int, d: list[Value]) -> list[Value]:
    """Apply the input's transform to one line."""
    add, sub = e.b.fadd, e.b.fsub
    if m == 2:
        return [sub(d[0], d[2]), add(d[1], d[2]), sub(d[2], d[1]), sub(d[1], d[3])]
    # Even and odd parts of the products of all factors but one.
    even_a, odd_a = (e.fma(d[k], e.constant(-_BB), d[k + 2]) for k in (2, 1))
    even_b, odd_b = (e.fma(d[k], e.constant(-_AA), d[k + 2]) for k in (2, 1))
    odd_a = e.b.fmul(odd_a, e.constant(_A))
    odd_b = e.b.fmul(odd_b, e.constant(_B))
    ends = [
        e.fma(d[k], e.constant(_AA * _BB), e.fma(d[k + 2], e.constant(-_AA - _BB), d[k + 4]))
        for k in (0, 1)
    ]
    return [
        ends[0],
        add(even_a, odd_a),
        sub(even_a, odd_a),
        add(even_b, odd_b),
        sub(even_b, odd_b),
        ends[1],
    ]


def _out(e: Emitter, m: int, v: list[Value]) -> list[Value]:
    """Apply the result's transform to one line."""
    add, sub = e.b.fadd, e.b.fsub
    if m == 2:
        return [add(v[0], add(v[1], v[2])), sub(sub(v[1], v[2]), v[3])]
    s1, d1 = add(v[1], v[2]), sub(v[1], v[2])
    s2, d2 = add(v[3], v[4]), sub(v[3], v[4])
    a, b = (e.constant(p) for p in (_A, _B))
    return [
        add(v[0], add(s1, s2)),
        e.fma(d1, a, e.b.fmul(d2, b)),
        e.fma(s1, e.constant(_AA), e.b.fmul(s2, e.constant(_BB))),
        e.fma(d1, e.constant(_A * _AA), e.fma(d2, e.constant(_B * _BB), v[5])),
    ]


@dataclass(frozen=True)
class WinogradInput(Kernel):
    """Transform tiles of a map in blocks: (place in the tile, tile, channel).

    Parameters
    ----------
    m
        Side of a tile of results, 2 or 4.
    in_px
        Bytes from one pixel of the map to the next.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = (
        "blocks",
        "rows",
        "row_last",
        "tiles",
        "tile_last",
        "x_row",
        "x_block",
        "out_place",
        "out_tile",
    )

    m: int
    in_px: int

    def emit(self, e: Emitter) -> None:
        """Transform the columns of each tile, then its rows."""
        side = self.m + 2
        tiles = self.integer(e, "tiles")
        x_row, place = self.integer(e, "x_row"), self.integer(e, "out_place")
        out_tile = self.integer(e, "out_tile")
        with e.loop(self.integer(e, "rows")) as row:
            y = bounded(e, row.index, self.m, self.integer(e, "row_last"))
            x_y = e.at(e.pointer(0), e.mul(y, x_row))
            out_y = e.at(e.pointer(1), e.mul(e.mul(row.index, tiles), out_tile))
            with e.loop(tiles) as tile:
                px = bounded(e, tile.index, self.m, self.integer(e, "tile_last"))
                x_t = e.at(x_y, e.mul(px, self.in_px))
                out_t = e.at(out_y, e.mul(tile.index, out_tile))
                with e.loop(self.integer(e, "blocks")) as block:
                    x = e.at(x_t, e.mul(block.index, self.integer(e, "x_block")))
                    out = e.at(out_t, e.mul(block.index, e.target.vector_bytes))
                    lines = [e.at(x, e.mul(x_row, i)) for i in range(side)]
                    columns = [
                        _in(e, self.m, [e.load(e.at(a, j * self.in_px)) for a in lines])
                        for j in range(side)
                    ]
                    for i in range(side):
                        made = _in(e, self.m, [column[i] for column in columns])
                        for j, value in enumerate(made):
                            e.store(value, e.at(out, e.mul(place, i * side + j)))
        e.finish()


@dataclass(frozen=True)
class WinogradOutput(Kernel):
    """Transform sums of products back to tiles of the result.

    Parameters
    ----------
    m
        Side of a tile of results, 2 or 4.
    out_px, res_px
        Bytes from one pixel to the next.
    formula
        As of `ConvBlocks`; parameters are (block, parameter, lane).
    pair
        Max feature map: blocks are compared with those ``pair_bytes`` further.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "bias", "params", "out", "res")
    integers: ClassVar[tuple[str, ...]] = (
        "blocks",
        "rows",
        "row_last",
        "tiles",
        "tile_last",
        "x_place",
        "x_tile",
        "out_row",
        "out_block",
        "res_row",
        "res_block",
        "pair_bytes",
    )

    m: int
    out_px: int
    res_px: int
    formula: Formula = ACC
    pair: bool = False

    def emit(self, e: Emitter) -> None:
        """Transform the columns of each tile, then its rows, and apply the formula."""
        wide = e.target.vector_bytes
        order = sorted(params_of(self.formula))
        tiles, x_tile = self.integer(e, "tiles"), self.integer(e, "x_tile")
        out_row, res_row = self.integer(e, "out_row"), self.integer(e, "res_row")
        with e.loop(self.integer(e, "rows")) as row:
            y = bounded(e, row.index, self.m, self.integer(e, "row_last"))
            x_y = e.at(e.pointer(0), e.mul(e.mul(row.index, tiles), x_tile))
            out_y = e.at(e.pointer(3), e.mul(y, out_row))
            res_y = e.at(e.pointer(4), e.mul(y, res_row))
            with e.loop(tiles) as tile:
                px = bounded(e, tile.index, self.m, self.integer(e, "tile_last"))
                x_t = e.at(x_y, e.mul(tile.index, x_tile))
                out_t = e.at(out_y, e.mul(px, self.out_px))
                res_t = e.at(res_y, e.mul(px, self.res_px))
                with e.loop(self.integer(e, "blocks")) as block:
                    k = block.index
                    x = e.at(x_t, e.mul(k, wide))
                    bias = e.at(e.pointer(1), e.mul(k, wide))
                    p = e.at(e.pointer(2), e.mul(k, len(order) * wide))
                    params = {j: e.load(e.at(p, n * wide)) for n, j in enumerate(order)}
                    cells = self._cells(e, x, e.load(bias))
                    if self.pair:
                        shift = self.integer(e, "pair_bytes")
                        other = self._cells(e, e.at(x, shift), e.load(e.at(bias, shift)))
                        cells = [e.largest(a, b) for a, b in zip(cells, other, strict=True)]
                    out = e.at(out_t, e.mul(k, self.integer(e, "out_block")))
                    res = e.at(res_t, e.mul(k, self.integer(e, "res_block")))
                    for number, value in enumerate(cells):
                        i, j = divmod(number, self.m)
                        o = e.at(out, e.mul(out_row, i), j * self.out_px)
                        r = e.at(res, e.mul(res_row, i), j * self.res_px)
                        e.store(applied(e, self.formula, value, r, params), o)
        e.finish()

    def _cells(self, e: Emitter, x: Any, bias: Value) -> list[Value]:
        side = self.m + 2
        place = self.integer(e, "x_place")
        columns = [
            _out(
                e,
                self.m,
                [e.load(e.at(x, e.mul(place, i * side + j))) for i in range(side)],
            )
            for j in range(side)
        ]
        cells = []
        for i in range(self.m):
            made = _out(e, self.m, [column[i] for column in columns])
            cells += [e.b.fadd(value, bias) for value in made]
        return cells
