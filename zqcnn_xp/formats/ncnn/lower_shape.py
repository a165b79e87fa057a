"""Layers that move elements without changing them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

from zqcnn_xp.formats.ncnn.call import Call, Lowering
from zqcnn_xp.formats.ncnn.record import ABSENT
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["LOWERINGS", "ORDERS"]

ORDERS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2, 3),
    (0, 1, 3, 2),
    (0, 2, 1, 3),
    (0, 2, 3, 1),
    (0, 3, 1, 2),
    (0, 3, 2, 1),
)
"""Logical permutation of each of Permute's orders of a map."""


def concat(call: Call) -> None:
    """``Concat``."""
    values = [call.value(place) for place in range(len(call.operands))]
    call.emit(Concat(call.axis(call.record.integer(0))), *values)


def split(call: Call) -> None:
    """``Slice``: consecutive parts along an axis; -233 shares what is left evenly."""
    record = call.record
    axis = call.axis(record.integer(1))
    cells, parts = call.shape()[axis], len(record.tops)
    sizes = list(record.integers(0))
    if record.arrays.get(2):
        ends = [cells + end if end < 0 else end for end in record.integers(2)]
        bounds = [0, *ends, cells]
        sizes = [b - a for a, b in pairwise(bounds)]
    if len(sizes) != parts:
        raise call.error(f"{len(sizes)} sizes for {parts} tops", "one for each")
    start = 0
    for place, size in enumerate(sizes):
        width = (cells - start) // (parts - place) if size == ABSENT else size
        if width < 1 or start + width > cells:
            raise call.error(f"sizes {sizes} of {cells} cells", "parts of it")
        call.emit(Slice(axis, start, start + width), result=place)
        start += width
    call.assembly.sized |= axis > 1


def crop(call: Call) -> None:
    """``Crop``: by offsets and sizes, by starts and ends of axes, or to the size of a blob."""
    record = call.record
    shape = call.shape()
    rank = len(shape)
    if rank > 4:
        raise call.error(f"an input of shape {shape}", "at most three axes beside the batch")
    # Keys of the axes: rows of (offset, size, offset from the end), innermost axis first.
    keys = ((0, 3, 6), (1, 4, 7), (2, 5, 8))[: rank - 1]
    if len(call.operands) == 2 and not record.arrays.get(9):
        offsets = tuple(record.integer(key[0], low=0) for key in reversed(keys))
        call.emit(Crop(1, offsets), call.value(0), call.value(1))
        return
    ranges: dict[int, tuple[int, int | None]] = {}
    if record.arrays.get(9):
        starts, ends = record.integers(9), record.integers(10)
        axes = record.integers(11) or tuple(range(len(starts)))
        if not len(starts) == len(ends) == len(axes):
            raise call.error(f"{len(starts)} starts and {len(ends)} ends", "as many as axes")
        for axis, start, end in zip(axes, starts, ends, strict=True):
            open_end = end in (ABSENT, (1 << 31) - 1)
            ranges[call.axis(axis)] = (max(start, 0) if start == ABSENT else start, end)
            if open_end:
                ranges[call.axis(axis)] = (0 if start == ABSENT else start, None)
    else:
        for place, (offset, size, rest) in enumerate(keys):
            axis = rank - 1 - place
            start, count = record.integer(offset, low=0), record.integer(size)
            behind = record.integer(rest, low=0)
            if count in (0, ABSENT):
                ranges[axis] = (start, -behind if behind else None)
            else:
                ranges[axis] = (start, start + count)
    value = call.value()
    for axis, (first, stop) in sorted(ranges.items()):
        if (first, stop) != (0, None):
            if first >= shape[axis] or (stop is not None and stop > shape[axis]):
                raise call.error(
                    f"cells {first} to {stop} of {shape[axis]}", "cells that are there"
                )
            value = call.emit(Slice(axis, first, stop), value, part=f"axis{axis}")
    call.emit(Identity(), value)


def flatten(call: Call) -> None:
    """``Flatten``: a vector."""
    call.emit(Flatten(1, form="drop"))


def reshape(call: Call) -> None:
    """``Reshape`` to (w), (w, h), (w, h, c) or (w, h, d, c); 0 copies, -1 takes the rest."""
    record = call.record
    if 6 in record.values or record.switch(3):
        raise call.error("a computed or permuting shape", "w, h, d and c")
    sizes = [record.integer(key, ABSENT, low=ABSENT) for key in (2, 11, 1, 0)]
    dims = [size for size in sizes if size != ABSENT]
    if not dims or sizes[-1] == ABSENT or (sizes[0] != ABSENT and sizes[2] == ABSENT):
        raise call.error(f"sizes {sizes}", "w, then h, then c")
    if min(dims) < -1 or dims.count(-1) > 1:
        raise call.error(f"sizes {dims}", "at most one -1, others from 0 up")
    shape = call.shape()
    # A 0 copies the size of the same axis, counted from the innermost for w and h.
    source = {0: len(shape) - 1, 1: len(shape) - 2, 2: 1, 11: 2}
    keys = [key for key in (2, 11, 1, 0) if record.integer(key, ABSENT) != ABSENT]
    for place, (key, size) in enumerate(zip(keys, dims, strict=True)):
        if size == 0 and source[key] != place + 1:
            if not 0 < source[key] < len(shape):
                raise call.error(f"a 0 in {dims} of shape {shape}", "an axis to copy")
            dims[place] = shape[source[key]]
            call.assembly.sized |= source[key] > 1
    call.emit(Reshape((0, *dims)))


def permute(call: Call) -> None:
    """``Permute`` of a map, or of a matrix."""
    order = call.record.integer(0, low=0)
    rank = len(call.shape())
    if order == 0:
        call.emit(Identity())
    elif rank == 3 and order == 1:
        call.emit(Transpose((0, 2, 1)))
    elif rank == 4 and order < len(ORDERS):
        call.emit(Transpose(ORDERS[order]))
    else:
        raise call.error(f"0={order} of {rank - 1} axes", "0 to 5 of three, 0 or 1 of two")


def padding(call: Call) -> None:
    """Lower ``Padding`` with a constant."""
    record = call.record
    if record.integer(4) or record.integer(6) or record.integer(7) or record.integer(8):
        raise call.error("padding that is no constant of rows and columns", "4=0, 6=0, 7=0, 8=0")
    top, bottom, left, right = (record.integer(key, low=0) for key in (0, 1, 2, 3))
    rank = len(call.shape())
    sides = ((0, 0),) * (rank - 2) + ((top, bottom), (left, right))
    if rank < 3:
        sides = ((0, 0), (left, right))
    call.emit(Pad(sides, record.number(5)))


def shuffle_channel(call: Call) -> None:
    """``ShuffleChannel``: channel g of each group next to channel g of the others."""
    record = call.record
    channels = call.map_shape()[1]
    groups = record.integer(0, 1, low=1)
    if channels % groups:
        raise call.error(f"{channels} channels in {groups} groups", "a multiple")
    if record.switch(1):
        groups = channels // groups
    apart = call.emit(Reshape((groups, channels // groups), 1, 1), part="groups")
    turned = call.emit(Transpose((0, 2, 1, 3, 4)), apart, part="turned")
    call.emit(Flatten(1, 2, form="drop"), turned)


def pixel_shuffle(call: Call) -> None:
    """``PixelShuffle``: s x s channels become the cells of a block."""
    record = call.record
    channels = call.map_shape()[1]
    side = record.integer(0, 1, low=1)
    if side > 1 << 12 or channels % (side * side):
        raise call.error(f"{channels} channels for blocks of side {side}", "a multiple")
    rest = channels // (side * side)
    if record.switch(1):
        parts, order = (side, side, rest), (0, 3, 4, 1, 5, 2)
    else:
        parts, order = (rest, side, side), (0, 1, 4, 2, 5, 3)
    apart = call.emit(Reshape(parts, 1, 1), part="parts")
    turned = call.emit(Transpose(order), apart, part="turned")
    rows = call.emit(Flatten(2, 3, form="drop"), turned, part="rows")
    call.emit(Flatten(3, 4, form="drop"), rows)


def reorg(call: Call) -> None:
    """``Reorg``: the cells of a block become channels."""
    orders: dict[int, Literal["channel", "block"]] = {0: "channel", 1: "block"}
    mode = call.record.integer(1)
    if mode not in orders:
        raise call.error(f"1={mode}", "0 or 1")
    call.emit(Reorg(call.record.integer(0, 1, low=1), orders[mode]))


def squeeze(call: Call) -> None:
    """``Squeeze``: without axes of one cell."""
    record = call.record
    shape = call.shape()
    rank = len(shape)
    if record.arrays.get(3):
        axes = {call.axis(axis) for axis in record.integers(3)}
    else:
        wanted = ((0, rank - 1), (1, rank - 2), (2, 1))
        axes = {axis for key, axis in wanted if record.switch(key) and axis > 0}
    axes = {axis for axis in axes if shape[axis] == 1}
    call.assembly.sized |= any(axis > 1 for axis in axes) and rank == 4
    value = call.value()
    for axis in sorted(axes, reverse=True)[: rank - 2]:
        value = call.emit(Reshape((), axis, 1), value, part=f"axis{axis}")
    call.emit(Identity(), value)


def expand_dims(call: Call) -> None:
    """``ExpandDims``: new axes of one cell."""
    record = call.record
    rank = len(call.shape())
    if record.arrays.get(3):
        given = record.integers(3)
        full = rank - 1 + len(given)
        axes = sorted(axis + full if axis < 0 else axis for axis in given)
    else:
        # c, h, w of the result, as many as there are axes to add.
        flags = [record.switch(key) for key in (2, 1, 0)]
        full = rank - 1 + sum(flags)
        axes = [axis for axis, flag in enumerate(flags[3 - full :] if full < 3 else flags) if flag]
    if not axes or len(set(axes)) != len(axes) or not 0 <= axes[0] <= axes[-1] < full:
        raise call.error(
            f"new axes {axes} for shape {call.shape()}", "different axes of the result"
        )
    if full > 4:
        raise call.error(f"{full} axes", "at most 4")
    value = call.value()
    for axis in axes:
        value = call.emit(Reshape((1,), axis + 1, 0), value, part=f"axis{axis}")
    call.emit(Identity(), value)


LOWERINGS: Mapping[str, Lowering] = {
    "Concat": concat,
    "Crop": crop,
    "ExpandDims": expand_dims,
    "Flatten": flatten,
    "Padding": padding,
    "Permute": permute,
    "PixelShuffle": pixel_shuffle,
    "Reorg": reorg,
    "Reshape": reshape,
    "ShuffleChannel": shuffle_channel,
    "Slice": split,
    "Squeeze": squeeze,
}
