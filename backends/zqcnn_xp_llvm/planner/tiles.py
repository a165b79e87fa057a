"""How much of a convolution's result a kernel keeps in registers, and what that costs.

Costs count multiply-adds of vectors, the bottleneck of every kernel that is worth planning, with
what keeps the processor from one a cycle: too few sums in flight to hide their latency, and loads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from zqcnn_xp_llvm.target import Target

__all__ = [
    "BlockTile",
    "RowTile",
    "block_tiles",
    "reshaped",
    "row_tiles",
    "weights_ahead",
    "window_tile",
]

# Pixels of a tile up to which every number is taken, also where few shapes are wanted.
FEW = 4
# Sums that have to be in flight to start one multiply-add a cycle (latency of 4, two pipes).
IN_FLIGHT = 8
LOADS_PER_CYCLE = 2
# Bytes by which weights from memory are asked for ahead: 32 KB measured best of 8 to 256.
_AHEAD = 32 << 10
# Cost of picking every other pixel out of two vectors.
_PICK = 3.0
# Cost of storing a result, and of starting a window's tile.
_STORE, _TILE = 2.5, 6.0
# Cost of starting a tile, in multiply-adds for each step of the sum: what the loops around the
# products take.
START = 1.0


@dataclass(frozen=True)
class BlockTile:
    """A tile of `ConvBlocks` and the blocks it is used for: ``groups`` from ``first`` on."""

    first: int
    groups: int
    vectors: int
    rows: int
    pixels: int


@dataclass(frozen=True)
class RowTile:
    """A tile of `ConvRows` and the channels it is used for."""

    first: int
    groups: int
    outputs: int
    rows: int
    vectors: int


def _cycles(products: int, loads: int) -> float:
    return max(products, IN_FLIGHT, loads / LOADS_PER_CYCLE) + START


def _block_room(target: Target, vectors: int) -> int:
    """Return how many sums stay in registers beside ``vectors`` weights and their pixels."""
    if target.by_lane:
        # A vector of channels is held for each pixel.
        return (target.registers - 1 - vectors) // (vectors + 1) * vectors
    if target.registers > 16:
        return min(target.registers - vectors - 1, 28)
    return target.registers - (3 if target.fused else 5)


def _row_room(target: Target, rows: int, vectors: int, step: int) -> int:
    """Return how many sums stay in registers beside ``vectors`` pixels and their weights."""
    if target.by_lane:
        # A stride of 2 holds the vectors of three columns; rows share what they load.
        held = vectors if step == 1 else 3 * vectors + 2
        return min(target.registers - 2 - held - 8 * (rows - 1), 25)
    return min(target.registers - 2 - vectors, 28)


def _counts(target: Target, most: int) -> list[int]:
    """Return the numbers of pixels that a tile may have, up to ``most``."""
    if target.few and most > FEW:
        # A last tile that overlaps wastes little of a long row, whatever its length.
        return sorted({most, most * 3 // 4, most // 2})
    return list(range(1, most + 1))


@cache
def _block_shape(target: Target, vectors: int, h: int, w: int) -> tuple[float, int, int]:
    """Return the cost of a map with ``vectors`` blocks, and the tile's rows and pixels."""
    room = _block_room(target, vectors)
    best = (float("inf"), 1, 1)
    for rows in range(1, 2 if target.few else min(h, 4) + 1):
        for pixels in _counts(target, min(w, max(room // (rows * vectors), 1))):
            if rows * pixels * vectors > max(room, vectors):
                continue
            tiles = -(-h // rows) * -(-w // pixels)
            loads = rows * pixels // (target.lanes if target.by_lane else 1) + vectors
            cost = tiles * _cycles(rows * pixels * vectors, loads)
            # Of equal tiles the one with fewer rows has simpler addresses.
            best = min(best, (cost, rows, pixels))
    return best


@cache
def block_tiles(
    target: Target, blocks: int, h: int, w: int, *, pair: bool = False
) -> tuple[float, tuple[BlockTile, ...]]:
    """Return the cost of a step of the sum over the whole map, and the tiles to use.

    Parameters
    ----------
    target
        Registers and lanes.
    blocks
        Output blocks; for a pair the blocks of its result.
    h, w
        Rows and columns.
    pair
        Each result needs two sums.
    """
    best: tuple[float, tuple[BlockTile, ...]] = (float("inf"), ())
    factor = 2 if pair else 1
    for wide in (2, 4, 1, 3) if target.registers > 16 else (2, 1, 3):
        if wide % factor:
            continue
        made = wide // factor
        groups, rest = divmod(blocks, made)
        cost, tiles = 0.0, []
        if groups:
            each, rows, pixels = _block_shape(target, wide, h, w)
            cost += groups * each
            tiles.append(BlockTile(0, groups, wide, rows, pixels))
        if rest:
            each, rows, pixels = _block_shape(target, rest * factor, h, w)
            cost += each
            tiles.append(BlockTile(groups * made, 1, rest * factor, rows, pixels))
        if cost < best[0]:
            best = (cost, tuple(tiles))
    return best


@cache
def row_tiles(
    target: Target, outputs: int, h: int, w: int, *, step_y: int = 1, step_x: int = 1
) -> tuple[float, tuple[RowTile, ...]]:
    """Return the cost of a step of the sum over the whole map, and the tiles to use.

    Parameters
    ----------
    target
        Registers and lanes.
    outputs
        Output channels.
    h, w
        Rows and columns, ``w`` no less than a vector.
    step_y, step_x
        Strides.
    """
    best: tuple[float, tuple[RowTile, ...]] = (float("inf"), ())
    for rows in (1, 2):
        if rows > h or (target.few and rows > 1):
            continue
        for vectors in (1, 2, 5) if target.few else range(1, 7):
            columns = vectors * target.lanes
            if columns > w:
                continue
            room = max(_row_room(target, rows, vectors, step_y), 1)
            most = room // (rows * vectors)
            if not most:
                continue
            tiles_x, tiles_y = -(-w // columns), -(-h // rows)
            # Balanced groups: 10 channels of at most 8 are 5 and 5, not 8 and 2.
            count = -(-outputs // most)
            each = -(-outputs // count)
            groups, rest = divmod(outputs, each)
            cost, tiles = 0.0, []
            for first, number, size in ((0, groups, each), (groups * each, 1, rest)):
                if not size or not number:
                    continue
                # A vector serves all rows that see it, so rows share what they load.
                loads = size + vectors * (1 + (rows - 1) * 0.4)
                cycles = _cycles(size * rows * vectors, int(loads))
                # Pixels of a stride of 2 are picked out of two vectors.
                cycles += _PICK * vectors * rows if step_x == 2 else 0.0
                cost += number * tiles_x * tiles_y * cycles
                tiles.append(RowTile(first, number, size, rows, vectors))
            if cost < best[0] * 0.999:
                best = (cost, tuple(tiles))
    return best


def weights_ahead(target: Target, total: int) -> int:
    """Return how many bytes ahead weights should be asked for, or 0 for not at all.

    Parameters
    ----------
    target
        The processor; some fetch what runs on by themselves, and better.
    total
        Bytes of all weights of the product: little is held by a cache.
    """
    return _AHEAD if target.asks_ahead and total > target.l2 // 2 else 0


@cache
def reshaped(target: Target, tile: BlockTile, h: int, w: int) -> BlockTile:
    """Return a tile of the same blocks for a part of a map, with rows and pixels that suit it.

    Weights are packed by blocks: parts of a map must not each want a packing of their own.
    """
    _, rows, pixels = _block_shape(target, tile.vectors, h, w)
    return replace(tile, rows=rows, pixels=pixels)


@cache
def window_tile(
    target: Target,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    h: int,
    w: int,
    *,
    blocks: bool,
    params: int = 0,
) -> tuple[int, int]:
    """Return the rows and, of a row, the pixels or vectors that a window kernel folds at a time.

    Parameters
    ----------
    target
        Registers and lanes.
    kernel, stride
        (vertical, horizontal). With a tall window or rows that share little, one row at a time.
    h, w
        Rows and columns of the result; in planes ``w`` is no less than a vector.
    blocks
        A vector is a pixel of a block of channels, and not a piece of a row.
    params
        Parameters of the formula, which are held, too.
    """
    lanes = 1 if blocks else target.lanes
    cells = kernel[0] * kernel[1]
    tall = 4 if stride[0] < kernel[0] <= 5 else 1
    if not blocks and stride[1] == 2:
        tall = min(tall, 2)  # pixels that are picked out take registers of their own
    best = (float("inf"), 1, 1)
    for rows in range(1, min(h, tall) + 1):
        for across in range(1, max(min(w // lanes, 14), 1) + 1):
            # Weights of small windows stay; of large ones those of the rows that see a line.
            held = cells if cells <= 9 else rows * kernel[1]
            room = target.registers - 7 - params - (held if target.registers > 16 else 0)
            lines = (rows - 1) * stride[0] + kernel[0]
            # More lines than that need more addresses than there are registers for them.
            if rows * across > max(room, 1) or (rows > 1 and lines > 6):
                continue
            if target.few and (rows == 3 or (across > 1 and across not in (2, 4, 7))):
                continue
            if blocks:
                loads = float(lines * ((across - 1) * stride[1] + kernel[1]))
            else:
                # Two thirds of the loads straddle cache lines; with a stride, pixels are picked.
                loads = lines * kernel[1] * across * (1.6 if stride[1] == 1 else 2.5)
            tiles = -(-h // rows) * -(-w // (across * lanes))
            cost = tiles * (rows * across * (cells + _STORE) + loads / 2 + _TILE)
            best = min(best, (cost, rows, across))
    return best[1], best[2]
