"""When a 3 x 3 convolution is cheaper by Winograd's transforms, and in which parts."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from zqcnn_xp_llvm.planner.layout import Geometry
from zqcnn_xp_llvm.planner.steps import ConvStep
from zqcnn_xp_llvm.planner.storage import Buffer, Place
from zqcnn_xp_llvm.planner.tiles import block_tiles
from zqcnn_xp_llvm.target import Target

__all__ = ["SCRATCH", "Scratch", "band", "can_transform", "chunks", "winograd_cost"]

SCRATCH = Buffer("scratch")
"""Memory of a thread for what lives within a few instructions."""

# Parts of a map from which the weights' way from L3 is worth transforming the input again.
MANY_TURNS = 8
# Cycles that the transforms take for a vector of an input tile and of a tile of sums, measured.
_IN, _OUT = {2: 2.2, 4: 2.6}, {2: 2.2, 4: 2.2}
# Cycles that a float of weights costs where no cache holds it, beside the products.
_FETCH = 0.6


def can_transform(step: ConvStep) -> bool:
    """Whether a convolution has a window that the transforms are made for."""
    op = step.conv
    return op.kernel == (3, 3) and op.stride == (1, 1) and op.dilation == (1, 1) and op.groups == 1


def chunks(
    target: Target, m: int, channels: int, blocks: int, halves: int, tiles: tuple[int, int]
) -> list[range]:
    """Return ranges of result blocks whose transformed weights stay in L2 together.

    Between two tiles all weights are read once. Where they do not stay in L2, it is cheaper to
    transform the input once for each range.

    Parameters
    ----------
    target
        The processor.
    m
        Side of a tile.
    channels
        Input channels.
    blocks, halves
        Result blocks, and sums for each: 2 for a max feature map.
    tiles
        Rows and columns of tiles.
    """
    each = (m + 2) ** 2 * channels * halves * target.vector_bytes
    down, across = band(target, m, channels, blocks * halves * target.lanes, tiles)
    turns = -(-tiles[0] // down) * -(-tiles[1] // across)
    # An even number of blocks, for the sake of the products' tiles.
    most = target.l2 * 9 // 20 // each // 2 * 2
    if turns < MANY_TURNS or not most or each * blocks <= target.l2 // 2:
        return [range(blocks)]
    edges = [*range(0, blocks, most), blocks]
    return [range(a, b) for a, b in pairwise(edges)]


@cache
def band(
    target: Target, m: int, channels: int, sums: int, tiles: tuple[int, int]
) -> tuple[int, int]:
    """Return the rows and columns of tiles to transform at a time: what L2 holds.

    Beside the transformed tiles L2 holds the weights, unless they are too many: then they pass
    through. Parts are of about equal size.
    """
    places = (m + 2) ** 2
    weights = places * channels * sums * 4
    room = target.l2 // 2
    if weights <= target.l2:
        room = min(max(target.l2 * 7 // 8 - weights, target.l2 // 4), room)
    most = max(room // (places * (channels + sums) * 4), 1)
    down, across = tiles
    if across > most:
        return 1, -(-across // -(-across // most))
    rows = min(most // across, down)
    return -(-down // -(-down // rows)), across


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
    rows, columns = band(target, m, channels, sums, (y, x))
    blocks = -(-sums // lanes)
    cost, _ = block_tiles(target, blocks, 1, rows * columns)
    products = cost * (y * x / (rows * columns)) * places * channels
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
