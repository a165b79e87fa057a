"""Layers that move elements: concatenation, slices, permutations, sizes."""

from __future__ import annotations

from itertools import pairwise

from zqcnn_xp.formats.caffe.call import Call
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample

__all__ = [
    "concat",
    "crop",
    "flatten",
    "interp",
    "permute",
    "reshape",
    "shuffle_channel",
    "slices",
    "tile",
    "upsample",
]

_MOST = 1 << 20


def concat(call: Call) -> None:
    """``Concat`` along ``axis`` (``concat_dim`` in old files), channels by default."""
    param = call.param("concat_param")
    axis = call.axis(param.integer("axis", param.integer("concat_dim", 1)))
    call.result(Concat(axis))


def slices(call: Call) -> None:
    """``Slice`` along ``axis`` at ``slice_point``, or into equal parts."""
    param = call.param("slice_param")
    axis = call.axis(param.integer("axis", param.integer("slice_dim", 1)))
    points, size, count = param.integers("slice_point", 1), call.shape[axis], len(call.outputs)
    if not points:
        if size % count:
            raise call.error(f"{size} cells for {count} tops", "a multiple of the tops")
        points = tuple(size // count * k for k in range(1, count))
        if axis > 1:
            call.fix_size()
    ends = (0, *points, size)
    ascending = all(low < high for low, high in pairwise(ends))
    if len(points) != count - 1 or not ascending:
        found = f"slice_point {points} of {size} cells for {count} tops"
        raise call.error(found, f"{count - 1} ascending numbers within")
    for place in range(count):
        last = place == count - 1
        call.result(Slice(axis, ends[place], None if last else ends[place + 1]), output=place)


def permute(call: Call) -> None:
    """``Permute``: axis i of the result is axis ``order[i]``; those not named follow in order."""
    order, rank = call.param("permute_param").integers("order", 0), len(call.shape)
    if len(set(order)) != len(order) or any(axis >= rank for axis in order):
        raise call.error(f"order {order} of {call.shape}", "different axes")
    rest = tuple(axis for axis in range(rank) if axis not in order)
    call.result(Transpose((*order, *rest)))


def flatten(call: Call) -> None:
    """``Flatten`` the axes ``axis`` to ``end_axis`` into one."""
    param = call.param("flatten_param")
    axis, end = call.axis(param.integer("axis", 1)), call.axis(param.integer("end_axis", -1))
    call.result(Flatten(axis, end, form="drop"))


def reshape(call: Call) -> None:
    """``Reshape`` of the axes from ``axis`` on.

    A first size that states the batch follows the batch: exporters write ``dim: 1``.
    """
    param = call.param("reshape_param")
    dims = list(param.message("shape").integers("dim", -1))
    axis = call.axis(param.integer("axis", 0), ends=True)
    count = param.integer("num_axes", -1, -1)
    op = Reshape(tuple(dims), axis, count)
    if axis == 0 and dims and dims[0]:
        probe = call.step(op, part="probe")
        shape = call.assembly.shapes[probe]
        call.assembly.nodes.pop()
        if call.shape and shape[0] == call.shape[0] and count:
            op = Reshape((0, *dims[1:]), axis, count)
    call.result(op)


def crop(call: Call) -> None:
    """``Crop`` to the second input from ``axis`` on, with one ``offset`` or one for each axis."""
    param = call.param("crop_param")
    axis = call.axis(param.integer("axis", 2))
    call.result(Crop(axis, param.integers("offset", 0) or (0,)))


def tile(call: Call) -> None:
    """``Tile`` along ``axis``."""
    param = call.param("tile_param")
    axis, count = call.axis(param.integer("axis", 1)), param.integer("tiles", 0, 1)
    if not count:
        raise call.error("no tiles", "tiles: <number>")
    call.result(Tile(tuple(count if k == axis else 1 for k in range(len(call.shape)))))


def shuffle_channel(call: Call) -> None:
    """``ShuffleChannel``: channels as (groups, rest), read as (rest, groups)."""
    call.need_rank(4)
    groups = call.param("shuffle_channel_param").integer("group", 1, 1)
    channels = call.shape[1]
    if channels % groups:
        raise call.error(f"{channels} channels in {groups} groups", "a multiple of the groups")
    split = Reshape((groups, channels // groups), axis=1, num_axes=1)
    apart = call.step(split, part="apart")
    turned = call.step(Transpose((0, 2, 1, 3, 4)), apart, part="turned")
    call.result(Flatten(1, 2, form="drop"), turned)


def upsample(call: Call) -> None:
    """``Upsample`` by a whole factor, each cell repeated (the Caffe forks that run YOLO)."""
    param = call.param("upsample_param")
    factor = param.integer("scale", param.integer("stride", 0, 1, _MOST), 1, _MOST)
    if not factor:
        raise call.error("no scale", "upsample_param { scale: <number> }")
    call.result(Upsample("nearest", scale=(float(factor), float(factor)), rounding="floor"))


def interp(call: Call) -> None:
    """``Interp``: bilinear, first and last cells coincide; sizes as in DeepLab and PSPNet."""
    param = call.param("interp_param")
    call.need_rank(4)
    before, after = param.integer("pad_beg", 0), param.integer("pad_end", 0)
    if before > 0 or after > 0:
        raise call.error(f"pad_beg {before}, pad_end {after}", "0, or less for a crop")
    value = call.inputs[0]
    for axis in (2, 3) if before or after else ():
        cut = Slice(axis, -before, call.shape[axis] + after)
        value = call.step(cut, value, part=f"cut{axis}")
        call.fix_size()
    height, width = call.assembly.shapes[value][2:]
    if height < 1 or width < 1:
        raise call.error(f"a map of {(height, width)}", "cells to sample")
    zoom, shrink = param.integer("zoom_factor", 1, 1, _MOST), param.integer("shrink_factor", 1, 1)
    if param.has("height", "width"):
        size = (param.integer("height", 0, 1, _MOST), param.integer("width", 0, 1, _MOST))
        if 0 in size or param.has("zoom_factor", "shrink_factor"):
            raise call.error("height or width beside others", "height and width, or factors")
    else:
        if not param.has("zoom_factor", "shrink_factor"):
            raise call.error("no size", "height and width, zoom_factor or shrink_factor")
        small = ((height - 1) // shrink + 1, (width - 1) // shrink + 1)
        size = (small[0] + (small[0] - 1) * (zoom - 1), small[1] + (small[1] - 1) * (zoom - 1))
        call.fix_size()
    if size == (height, width):
        call.result(Identity(), value)
        return
    call.result(Upsample("bilinear", "ends", size=size), value)
