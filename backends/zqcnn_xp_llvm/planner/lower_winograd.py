"""Convolutions by Winograd's transforms as instructions: transform, multiply, transform back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np

from zqcnn_xp_llvm.codegen.expression import params_of
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.winograd import WinogradInput, WinogradOutput, transformed_weights
from zqcnn_xp_llvm.planner.pack import block_vectors, conv_weights
from zqcnn_xp_llvm.planner.steps import ConvStep
from zqcnn_xp_llvm.planner.storage import Instruction, Place, Pool, Storage, instruction
from zqcnn_xp_llvm.planner.tiles import block_tiles, reshaped, weights_ahead
from zqcnn_xp_llvm.planner.winograd import Scratch, band, chunks

__all__ = ["Transformed"]

Array = np.ndarray[Any, Any]


@dataclass(eq=False)
class Transformed:
    """One convolution by transforms, or some of its rows.

    Parameters
    ----------
    pool, scratch
        Weights and memory.
    step, x, out, res
        The step and its values, all in blocks.
    m
        Side of a tile.
    border
        Rows above and columns before the map that the window reads.
    rows
        Rows of the result, ``m`` at least.
    """

    pool: Pool
    scratch: Scratch
    step: ConvStep
    x: Storage
    out: Storage
    res: Storage | None
    m: int
    border: tuple[int, int]
    rows: range

    def __post_init__(self) -> None:
        self.lanes, self.wide = self.pool.target.lanes, self.pool.target.vector_bytes
        self.channels = self.x.layout.map.c
        self.halves = 2 if self.step.pair else 1
        self.made = -(-(self.step.conv.out_channels // self.halves) // self.lanes)
        self.places = (self.m + 2) ** 2
        self.tiles = (-(-len(self.rows) // self.m), -(-self.out.layout.map.w // self.m))

    def instructions(self) -> list[Instruction]:
        """Return the instructions, chunk by chunk of the results, part by part of the map."""
        found: list[Instruction] = []
        target = self.pool.target
        whole = (-(-self.out.layout.map.h // self.m), self.tiles[1])
        for chunk in chunks(target, self.m, self.channels, self.made, self.halves, whole):
            sums = len(chunk) * self.halves * self.lanes
            down, across = band(target, self.m, self.channels, sums, self.tiles)
            starts = product(range(0, self.tiles[0], down), range(0, self.tiles[1], across))
            for row, column in starts:
                part = (
                    range(row, min(row + down, self.tiles[0])),
                    range(column, min(column + across, self.tiles[1])),
                )
                found += self._part(chunk, part, down * across)
        return found

    def _part(self, chunk: range, part: tuple[range, range], count: int) -> list[Instruction]:
        """Return the instructions of some tiles, for some blocks of the result."""
        m, size = self.m, self.out.layout.map
        down, across = part
        # The last tile ends with the last row and column; a part's count from its first ones.
        y, left = min(down.start * m, len(self.rows) - m), min(across.start * m, size.w - m)
        common = {
            "rows": len(down),
            "row_last": min(down.stop * m, len(self.rows)) - m - y,
            "tiles": len(across),
            "tile_last": min(across.stop * m, size.w) - m - left,
        }
        v_tile = self.x.layout.planes * self.wide
        s_tile = len(chunk) * self.halves * self.wide
        v_place, s_place = count * v_tile + 64, count * s_tile + 64
        v, s = self.scratch.parts(self.places * v_place, self.places * s_place)
        row = self.rows.start + y
        lay = self.x.layout
        first = instruction(
            WinogradInput(m, lay.pixel),
            {"x": self.x.at(row - self.border[0], 0, left - self.border[1]), "out": v},
            common
            | {"blocks": lay.planes, "x_row": lay.row, "x_block": lay.plane}
            | {"out_place": v_place, "out_tile": v_tile},
        )
        tiled = len(down) * len(across)
        products = self._products(chunk, tiled, (v, v_tile, v_place), (s, s_tile, s_place))
        res = self.res
        out_lay, plane = self.out.layout, chunk.start
        spots = {"x": s, "bias": self._bias(chunk), "params": self._params(chunk)}
        spots["out"] = self.out.at(row, plane, left)
        if res is not None:
            spots["res"] = res.at(row, plane, left)
        last = instruction(
            WinogradOutput(
                m,
                out_lay.pixel,
                0 if res is None else res.layout.pixel,
                self.step.formula,
                self.step.pair,
            ),
            spots,
            common
            | {"blocks": len(chunk), "x_place": s_place, "x_tile": s_tile}
            | {"out_row": out_lay.row, "out_block": out_lay.plane}
            | {"res_row": 0 if res is None else res.layout.row}
            | {"res_block": 0 if res is None else res.layout.plane}
            | {"pair_bytes": len(chunk) * self.wide},
        )
        return [first, *products, last]

    def _products(
        self,
        chunk: range,
        tiled: int,
        v: tuple[Place, int, int],
        s: tuple[Place, int, int],
    ) -> list[Instruction]:
        """Return one matrix product for each place of a tile."""
        target = self.pool.target
        blocks = len(chunk) * self.halves
        # Tiles are chosen for a whole part, and the last, smaller one takes the same weights.
        size = self.out.layout.map
        whole = (-(-size.h // self.m), self.tiles[1])
        usual = band(target, self.m, self.channels, blocks * self.lanes, whole)
        _, shapes = block_tiles(target, blocks, 1, usual[0] * usual[1])
        zeros = self.pool.pack(
            ("zeros", blocks), partial(np.zeros, blocks * self.lanes, np.float32)
        )
        found = []
        for tile in (reshaped(target, shape, 1, tiled) for shape in shapes):
            kernel = ConvBlocks(
                channels=self.channels,
                block=self.lanes,
                kernel=(1, 1),
                step_x=1,
                dilation_x=1,
                in_px=v[1],
                out_px=s[1],
                res_px=0,
                rows=1,
                pixels=tile.pixels,
                vectors=tile.vectors,
                ahead=weights_ahead(target, self.places * self._weight.nbytes // 9),
            )
            cut = (tile.first, tile.groups, tile.vectors)
            w = self.pool.pack(
                (self.step.name, "winograd", self.m, chunk, cut),
                partial(self._packed, chunk, cut),
            )
            each = tile.groups * tile.vectors * self.channels * self.wide
            integers = {"groups": tile.groups, "rows": 1}
            integers |= {"tiles": -(-tiled // tile.pixels), "tile_last": tiled - tile.pixels}
            integers |= {"x_block": self.wide, "out_block": self.wide}
            integers |= {"repeats": self.places, "weights_repeat": each}
            integers |= {"x_repeat": v[2], "out_repeat": s[2]}
            spots = {
                "x": v[0],
                "weights": w,
                "bias": zeros,
                "params": zeros,
                "out": _further(s[0], tile.first * self.wide),
            }
            found.append(instruction(kernel, spots, integers))
        return found

    @property
    def _weight(self) -> Array:
        return np.asarray(self.step.nodes[0].weights["weight"], np.float32)

    @cached_property
    def _made_weights(self) -> Array:
        return transformed_weights(self._weight, self.m)

    def _chosen(self, x: Array, chunk: range) -> Array:
        """Return a chunk's channels of each half, padded to whole blocks."""
        parts = np.split(x, self.halves, axis=-1)
        cut = slice(chunk.start * self.lanes, chunk.stop * self.lanes)
        size = len(chunk) * self.lanes
        chosen = []
        for part in parts:
            some = part[..., cut]
            rest = [(0, 0)] * (x.ndim - 1) + [(0, size - some.shape[-1])]
            chosen.append(np.pad(some, rest))
        return np.concatenate(chosen, axis=-1)

    def _packed(self, chunk: range, cut: tuple[int, int, int]) -> Array:
        """Order transformed weights: (place, group, channel, vector, lane)."""
        made = self._chosen(self._made_weights, chunk)
        flat = made.reshape(-1, *made.shape[2:])
        lanes = self.lanes
        parts = [conv_weights(one[None, None], lanes, *cut, lanes, pair=False) for one in flat]
        return np.stack(parts)

    def _bias(self, chunk: range) -> Place:
        def make() -> Array:
            bias = self.step.nodes[0].weights.get("bias")
            size = self.step.conv.out_channels
            whole = np.zeros(size, np.float32) if bias is None else np.asarray(bias, np.float32)
            return self._chosen(whole, chunk)

        return self.pool.pack((self.step.name, "winograd bias", chunk), make)

    def _params(self, chunk: range) -> Place:
        """Pack a formula's parameters: (block, parameter, lane)."""
        order = sorted(params_of(self.step.formula))

        def make() -> Array:
            if not order:
                return np.zeros(1, np.float32)
            table = np.stack([self.step.params[j] for j in order])
            return block_vectors(table, chunk.start, len(chunk), 1, self.lanes)[:, :, 0]

        return self.pool.pack((self.step.name, "winograd params", chunk), make)


def _further(place: Place, offset: int) -> Place:
    return (place[0], place[1] + offset)
