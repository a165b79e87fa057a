"""When a 3 x 3 convolution is cheaper by Winograd's transforms, and its instructions."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from zqcnn_xp_llvm.codegen.expression import params_of
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.winograd import WinogradInput, WinogradOutput, transformed_weights
from zqcnn_xp_llvm.planner.layout import Geometry
from zqcnn_xp_llvm.planner.pack import block_vectors, conv_weights
from zqcnn_xp_llvm.planner.steps import ConvStep
from zqcnn_xp_llvm.planner.storage import Buffer, Instruction, Place, Pool, Storage, instruction
from zqcnn_xp_llvm.planner.tiles import block_tiles, reshaped, weights_ahead
from zqcnn_xp_llvm.target import Target

__all__ = ["SCRATCH", "Scratch", "can_transform", "conv_winograd", "winograd_cost"]

SCRATCH = Buffer("scratch")
"""Memory of a thread for what lives within a few instructions."""

# Cycles that the transforms take for a vector of an input tile and of a tile of sums, measured.
_IN, _OUT = {2: 2.2, 4: 2.6}, {2: 2.2, 4: 2.2}
# Cycles that a float of weights costs where no cache holds it, beside the products.
_FETCH = 0.6


def can_transform(step: ConvStep) -> bool:
    """Whether a convolution has a window that the transforms are made for."""
    op = step.conv
    return op.kernel == (3, 3) and op.stride == (1, 1) and op.dilation == (1, 1) and op.groups == 1


@cache
def _band(target: Target, m: int, channels: int, sums: int, tiles_x: int, tiles_y: int) -> int:
    """Return how many rows of tiles to transform at a time: what half of L2 holds."""
    row = (m + 2) ** 2 * tiles_x * (channels + sums) * 4
    return max(min(target.l2 // 2 // row, tiles_y), 1)


@cache
def winograd_cost(
    target: Target, channels: int, sums: int, out: Geometry, m: int, *, cold: bool
) -> float:
    """Return the cost of a convolution with tiles of m x m, in multiply-adds of vectors.

    Parameters
    ----------
    target
        Registers, lanes, caches.
    channels, sums
        Input channels and sums for each pixel.
    out
        Size of the result.
    m
        2 or 4.
    cold
        Weights do not stay in the cache from one call to the next.
    """
    if out.h < m or out.w < m:
        return float("inf")
    lanes = target.lanes
    x, y = -(-out.w // m), -(-out.h // m)
    places = (m + 2) ** 2
    rows = _band(target, m, channels, sums, x, y)
    blocks = -(-sums // lanes)
    cost, _ = block_tiles(target, blocks, 1, rows * x)
    products = cost * (y / rows) * places * channels
    if cold:
        products += _FETCH * places * channels * sums
    moved = places * x * y * (_IN[m] * -(-channels // lanes) + _OUT[m] * blocks)
    return products + moved


class Scratch:
    """Sizes of a thread's scratch memory that steps ask for; the largest counts."""

    def __init__(self) -> None:
        self.size = 0

    def parts(self, *sizes: int) -> list[Place]:
        """Return a place for each size, one behind the other."""
        places: list[Place] = []
        at = 0
        for size in sizes:
            places.append((SCRATCH, at))
            # A line apart, so that the same column of all parts does not meet in one cache set.
            at += -(-size // 64) * 64 + 64
        self.size = max(self.size, at)
        return places


def conv_winograd(
    pool: Pool,
    scratch: Scratch,
    step: ConvStep,
    x: Storage,
    out: Storage,
    res: Storage | None,
    m: int,
    border: tuple[int, int],
    rows: range,
) -> list[Instruction]:
    """Return the instructions that compute some rows of a convolution by transforms.

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
    target = pool.target
    lanes, wide = target.lanes, target.vector_bytes
    size = out.layout.map
    channels, sums = x.layout.map.c, step.conv.out_channels
    inside = x.layout.planes
    half = sums // 2 if step.pair else sums
    made = -(-half // lanes)
    blocks = made * (2 if step.pair else 1)
    places = (m + 2) ** 2
    tiles_x, tiles_y = -(-size.w // m), -(-len(rows) // m)
    weight = np.asarray(step.nodes[0].weights["weight"], np.float32)
    order = sorted(params_of(step.formula))
    bias = step.nodes[0].weights.get("bias")
    bias = np.zeros(sums, np.float32) if bias is None else np.asarray(bias, np.float32)
    b = pool.pack(
        (step.name, "winograd bias"),
        partial(block_vectors, bias, 0, 1, blocks, lanes, pair=step.pair),
    )
    zeros = pool.pack(("zeros", blocks), partial(np.zeros, blocks * lanes, np.float32))

    def params() -> np.ndarray:
        if not order:
            return np.zeros(1, np.float32)
        table = np.stack([step.params[j] for j in order])
        return block_vectors(table, 0, made, 1, lanes)[:, :, 0]

    p = pool.pack((step.name, "winograd params"), params)
    band = _band(target, m, channels, sums, tiles_x, tiles_y)
    # Bands of about equal height.
    band = -(-tiles_y // -(-tiles_y // band))
    count = band * tiles_x
    v_tile, s_tile = inside * wide, blocks * wide
    v_place, s_place = count * v_tile + 64, count * s_tile + 64
    v, s = scratch.parts(places * v_place, places * s_place)
    found: list[Instruction] = []
    whole_x, whole_y = -(-size.w // m), -(-size.h // m)
    _, whole = block_tiles(
        target, blocks, 1, whole_x * _band(target, m, channels, sums, whole_x, whole_y)
    )
    first_in = x.at(-border[0], 0, -border[1])
    for start in range(0, tiles_y, band):
        some = min(band, tiles_y - start)
        # The last tile ends with the last row; a band's rows count from its first one.
        y = min(start * m, len(rows) - m)
        last = min((start + some) * m, len(rows)) - m - y
        common = {"rows": some, "row_last": last, "tiles": tiles_x, "tile_last": size.w - m}
        found.append(
            instruction(
                WinogradInput(m, x.layout.pixel),
                {"x": _down(first_in, (rows.start + y) * x.layout.row), "out": v},
                common
                | {"blocks": inside, "x_row": x.layout.row, "x_block": x.layout.plane}
                | {"out_place": v_place, "out_tile": v_tile},
            )
        )
        tiled = some * tiles_x
        for tile in (reshaped(target, t, 1, tiled) for t in whole):
            kernel = ConvBlocks(
                channels=channels,
                block=lanes,
                kernel=(1, 1),
                step_x=1,
                dilation_x=1,
                in_px=v_tile,
                out_px=s_tile,
                res_px=0,
                rows=1,
                pixels=tile.pixels,
                vectors=tile.vectors,
                ahead=weights_ahead(target, places * weight.nbytes // 9),
            )
            w = pool.pack(
                (step.name, "winograd", m, tile.first, tile.groups, tile.vectors),
                partial(_weights, weight, m, (tile.first, tile.groups, tile.vectors), lanes, step),
            )
            each = tile.groups * tile.vectors * channels * wide
            for place in range(places):
                integers = {"groups": tile.groups, "rows": 1}
                integers |= {"tiles": -(-tiled // tile.pixels), "tile_last": tiled - tile.pixels}
                integers |= {"x_block": wide, "out_block": wide}
                spots = {
                    "x": _down(v, place * v_place),
                    "weights": _down(w, place * each),
                    "bias": zeros,
                    "params": zeros,
                    "out": _down(s, place * s_place + tile.first * wide),
                }
                found.append(instruction(kernel, spots, integers))
        spots = {"x": s, "bias": b, "params": p, "out": out.at(rows.start + y)}
        if res is not None:
            spots["res"] = res.at(rows.start + y)
        found.append(
            instruction(
                WinogradOutput(
                    m,
                    out.layout.pixel,
                    0 if res is None else res.layout.pixel,
                    step.formula,
                    step.pair,
                ),
                spots,
                common
                | {"blocks": made, "x_place": s_place, "x_tile": s_tile}
                | {"out_row": out.layout.row, "out_block": out.layout.plane}
                | {"res_row": 0 if res is None else res.layout.row}
                | {"res_block": 0 if res is None else res.layout.plane}
                | {"pair_bytes": made * wide},
            )
        )
    return found


def _down(place: Place, offset: int) -> Place:
    return (place[0], place[1] + offset)


def _weights(
    weight: np.ndarray, m: int, cut: tuple[int, int, int], lanes: int, step: ConvStep
) -> np.ndarray:
    """Order transformed weights: (place, group, channel, vector, lane)."""
    made = transformed_weights(weight, m)
    if step.pair:
        # Halves are padded to whole blocks one by one, and then are blocks like others.
        halves = [_whole(part, lanes) for part in np.split(made, 2, axis=-1)]
        made = np.concatenate(halves, axis=-1)
    flat = made.reshape(-1, *made.shape[2:])
    parts = [conv_weights(one[None, None], lanes, *cut, lanes, pair=False) for one in flat]
    return np.stack(parts)


def _whole(x: np.ndarray, lanes: int) -> np.ndarray:
    rest = -x.shape[-1] % lanes
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, rest)])
