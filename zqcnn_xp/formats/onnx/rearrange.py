"""Ops that move, pick or repeat cells: DepthToSpace, SpaceToDepth, Gather, Tile, Expand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["LOWERINGS", "pick", "to_space"]

MAX_PARTS = 256
"""Ranges that one Gather may be cut into."""


def depth_to_space(call: Call) -> None:
    """Lower DepthToSpace: the place in a block counts slowest (DCR) or fastest (CRD)."""
    x = call.value(0, rank=4)
    mode = call.attribute("mode", "string", "DCR")
    if mode not in ("DCR", "CRD"):
        raise call.error(f"attribute 'mode' = {mode!r}", "'DCR' or 'CRD'")
    to_space(call, x, call.attribute("blocksize", "int", 0), slowest=mode == "DCR")


def to_space(call: Call, x: Value, side: int, slowest: bool) -> None:
    """Spread channels over blocks of ``side`` by ``side`` pixels."""
    channels = x.size(1)
    if not 0 < side < 1 << 15 or channels is None or channels % (side * side):
        raise call.error(f"blocks of {side} for {x.shapes[0]}", "a divisor of the channels")
    rest = channels // (side * side)
    parts = (side, side, rest) if slowest else (rest, side, side)
    x = call.emit(call.make(Reshape, parts, 1, 1), x)
    x = call.emit(Transpose((0, 3, 4, 1, 5, 2) if slowest else (0, 1, 4, 2, 5, 3)), x)
    x = call.emit(call.make(Reshape, (-1,), 4, 2), x)
    call.emit(call.make(Reshape, (-1,), 2, 2), x, last=True)


def space_to_depth(call: Call) -> None:
    """Lower SpaceToDepth."""
    side = call.attribute("blocksize", "int", 0)
    call.emit(call.make(Reorg, side, "block"), call.value(0, rank=4), last=True)


def gather(call: Call) -> None:
    """Lower Gather by constant indices: ranges of the axis, side by side."""
    x = call.value(0)
    pick(call, x, call.axis(call.attribute("axis", "int", 0), x.rank), call.constant(1))


def pick(call: Call, x: Value, axis: int, indices: Tensor) -> None:
    """Take cells of an axis by constant indices."""
    count = x.size(axis)
    if indices.dtype.kind not in "iu" or indices.ndim > 1 or not indices.size:
        found = f"indices of type {indices.dtype} and shape {indices.shape}"
        raise call.error(found, "an integer or a list of them")
    flat = [int(index) for index in indices.reshape(-1)[: MAX_PARTS * 4096]]
    low, high = (0, max(flat)) if count is None else (-count, count - 1)
    if min(flat) < low or max(flat) > high:
        raise call.error(f"indices {flat[:8]} along an axis of {count or 'free size'}", "its cells")
    flat = [index + (count or 0) if index < 0 else index for index in flat]
    cuts = [0, *(k for k in range(1, len(flat)) if flat[k] != flat[k - 1] + 1), len(flat)]
    if len(cuts) > MAX_PARTS:
        raise call.error(f"indices in {len(cuts) - 1} ranges", f"at most {MAX_PARTS - 1}")
    single = indices.ndim == 0
    whole = len(cuts) == 2
    parts = [
        call.emit(Slice(axis, flat[a], flat[b - 1] + 1), x, last=whole and not single)
        for a, b in pairwise(cuts)
    ]
    if not whole:
        call.emit(Concat(axis), *parts, last=True)
    elif single:
        call.emit(call.make(Reshape, (), axis, 1), parts[0], last=True)


def tile(call: Call) -> None:
    """Lower Tile by constant counts."""
    x = call.value(0)
    repeats = tuple(int(count) for count in call.constant(1).reshape(-1))
    if len(repeats) != x.rank or any(not 0 <= count < 1 << 31 for count in repeats):
        raise call.error(f"repeats {repeats}", f"{x.rank} counts")
    call.emit(call.make(Tile, repeats), x, last=True)


def expand(call: Call) -> None:
    """Lower Expand along axes of size 1 by counts that no free size changes."""
    x = call.value(0)
    repeats: set[tuple[int, ...]] = set()
    for shape, dims in zip(x.shapes, call.integers(1), strict=True):
        try:
            target = np.broadcast_shapes(shape, dims)
        except ValueError as error:
            raise call.error(f"sizes {dims} for {shape}", "sizes it broadcasts to") from error
        if len(target) != x.rank:
            raise call.error(f"sizes {dims} for {shape}", "as many axes")
        repeats.add(tuple(t // max(s, 1) for t, s in zip(target, shape, strict=True)))
    if len(repeats) != 1:
        raise call.error("sizes that depend on a free input size", "fixed counts")
    counts = repeats.pop()
    op = Identity() if set(counts) <= {1} else call.make(Tile, counts)
    call.emit(op, x, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Gather": gather,
    "SpaceToDepth": space_to_depth,
    "Tile": tile,
}
