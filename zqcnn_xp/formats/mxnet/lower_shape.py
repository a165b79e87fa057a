"""Operators that move elements without changing them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from zqcnn_xp.formats.mxnet.call import Call, Lowering
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["LOWERINGS"]


def flatten(call: Call) -> None:
    """``Flatten``: all axes but the batch become one."""
    call.emit(Flatten(1, form="matrix"))


def concat(call: Call) -> None:
    """``Concat`` along ``dim``."""
    values = [call.value(place) for place in range(len(call.operands))]
    call.emit(Concat(call.record.integer("dim", 1, low=-16)), *values)


def split(call: Call) -> None:
    """``SliceChannel``: equal parts along an axis."""
    record = call.record
    count = record.integer("num_outputs", low=1)
    axis = _axis(call, record.integer("axis", 1, low=-16))
    size = call.shape()[axis]
    if size % count or count > call.assembly.limits.max_layers:
        raise call.error(f"{size} cells in {count} parts", "a multiple")
    call.assembly.sized |= axis > 1
    width, squeeze = size // count, record.switch("squeeze_axis")
    if squeeze and width != 1:
        raise call.error(f"squeeze_axis over parts of {width} cells", "parts of one")
    for part in range(count):
        op = Slice(axis, part * width, (part + 1) * width)
        if squeeze:
            piece = call.emit(op, part=f"part{part}")
            call.emit(Reshape((), axis, 1), piece, result=part, many=True)
        else:
            call.emit(op, result=part, many=count > 1)


def slice_axis(call: Call) -> None:
    """``slice_axis``: a range of one axis."""
    record = call.record
    axis = _axis(call, record.integer("axis", low=-16))
    (begin, *rest), (end, *more) = record.items("begin"), record.items("end", (None,))
    if rest or more:
        raise call.error("several bounds", "one begin and one end")
    call.emit(Slice(axis, begin or 0, end))


def slice_axes(call: Call) -> None:
    """``slice``: ranges of the first axes."""
    record = call.record
    begins, ends = record.items("begin"), record.items("end")
    steps = record.items("step") or (None,) * len(begins)
    if not len(begins) == len(ends) == len(steps) or len(begins) > len(call.shape()):
        raise call.error(f"{len(begins)} begins, {len(ends)} ends", "one of each for an axis")
    value = call.value()
    ranges = list(zip(begins, ends, steps, strict=True))
    for axis, (begin, end, step) in enumerate(ranges):
        if axis == 0 and begin in (None, 0) and end is None and step in (None, 1):
            continue
        op = Slice(axis, begin or 0, end, 1 if step is None else step)
        value = call.emit(op, value, part=f"axis{axis}")
    call.emit(Identity(), value)


def crop(call: Call) -> None:
    """``Crop``: to the size of a second input, or to ``h_w``."""
    record = call.record
    shape = call.map_shape()
    offset = record.pair("offset", 0)
    center = record.switch("center_crop")
    if len(call.operands) == 2:
        call.emit(Crop(2, offset, center), call.value(0), call.value(1))
        return
    size = record.pair("h_w", low=1)
    if center:
        call.assembly.sized = True
        offset = ((shape[2] - size[0]) // 2, (shape[3] - size[1]) // 2)
    if any(offset[k] < 0 or offset[k] + size[k] > shape[2 + k] for k in (0, 1)):
        raise call.error(f"{size} cells from {offset} of a map {shape[2:]}", "a part of it")
    rows = call.emit(Slice(2, offset[0], offset[0] + size[0]), part="rows")
    call.emit(Slice(3, offset[1], offset[1] + size[1]), rows)


def transpose(call: Call) -> None:
    """``transpose``: ``axes``, or all of them backwards."""
    rank = len(call.shape())
    call.emit(Transpose(call.record.integers("axes") or tuple(reversed(range(rank)))))


def swap_axes(call: Call) -> None:
    """``SwapAxis``."""
    record = call.record
    one, other = (_axis(call, record.integer(key, 0, low=-16)) for key in ("dim1", "dim2"))
    order = list(range(len(call.shape())))
    order[one], order[other] = order[other], order[one]
    call.emit(Transpose(tuple(order)))


def expand_dims(call: Call) -> None:
    """``expand_dims``: a new axis of one cell."""
    axis = call.record.integer("axis", low=-16)
    rank = len(call.shape())
    if not -rank - 1 <= axis <= rank:
        raise call.error(f"axis={axis} over shape {call.shape()}", "an axis of the result")
    call.emit(Reshape((1,), axis % (rank + 1), 0))


def squeeze(call: Call) -> None:
    """``squeeze``: without the named axes of one cell, or all such axes but the batch."""
    shape = call.shape()
    if call.record.has("axis"):
        axes = sorted(_axis(call, axis) for axis in call.record.integers("axis", (), low=-16))
    else:
        axes = [axis for axis in range(1, len(shape)) if shape[axis] == 1]
    if any(shape[axis] != 1 for axis in axes) or len(set(axes)) != len(axes):
        raise call.error(f"axes {axes} of shape {shape}", "axes of one cell")
    value = call.value()
    for axis in reversed(axes):
        value = call.emit(Reshape((), axis, 1), value, part=f"axis{axis}")
    call.emit(Identity(), value)


def reshape(call: Call) -> None:
    """``Reshape``, with MXNet's codes: 0, -1, -2, -3 and -4."""
    record = call.record
    shape = call.shape()
    if record.switch("reverse"):
        raise call.error("reverse=True", "reverse=False")
    wanted = record.integers("shape", (), low=-4) or record.integers("target_shape", (), low=0)
    if record.has("target_shape") and not record.has("shape"):
        wanted = (0, *wanted[1:]) if record.switch("keep_highest") else wanted
        wanted = tuple(-1 if size == 0 and place else size for place, size in enumerate(wanted))
    if not wanted:
        raise call.error("no shape", "shape=<tuple>")
    dims, sized = _decode(call, wanted, shape)
    # A first size that stands for the batch is written as what it is: then samples stay apart.
    rest = dims[1:]
    whole = -1 not in rest and 0 not in rest and prod(rest) == prod(shape[1:])
    if (dims[0] == -1 and whole) or dims[0] == shape[0] == 1:
        dims = (0, *rest)
    call.assembly.sized |= sized
    call.emit(Reshape(dims))


def _decode(call: Call, wanted: tuple[int, ...], shape: Shape) -> tuple[tuple[int, ...], bool]:
    """Return sizes with 0 (copy, at its own place) and -1 only, and whether a map's size is used.

    -2 copies all axes that are left, -3 joins the next two, -4 splits the next one in two.
    """
    dims: list[int] = []
    sized = False
    source = 0
    codes = list(wanted)
    place = 0
    while place < len(codes):
        code = codes[place]
        place += 1
        if code == -2:
            dims += shape[source:]
            sized |= len(shape) > max(source, 2)
            source = len(shape)
            continue
        if code > 0 or code == -1:
            dims.append(code)
            source += 1
            continue
        if source + (code == -3) >= len(shape):
            raise call.error(f"shape={wanted} of {shape}", "codes of axes that are there")
        if code == 0:
            same = len(dims) == source
            dims.append(0 if same else shape[source])
            sized |= not same and source > 1
        elif code == -3:
            dims.append(shape[source] * shape[source + 1])
            sized |= source + 1 > 1
            source += 1
        else:
            parts = codes[place : place + 2]
            place += 2
            if len(parts) != 2 or min(parts) < -1 or 0 in parts or parts == [-1, -1]:
                raise call.error(f"shape={wanted}", "two sizes after -4")
            known = parts[0] if parts[1] == -1 else parts[1]
            other = shape[source] // known
            dims += [other if size == -1 else size for size in parts]
            sized |= source > 1
        source += 1
    if dims.count(-1) > 1:
        raise call.error(f"shape={wanted}", "at most one -1")
    return tuple(dims), sized


def pad(call: Call) -> None:
    """``Pad`` with a constant."""
    record = call.record
    if record.choice("mode", None, ("constant", "edge", "reflect")) != "constant":
        raise call.error(f"mode={record.text('mode', '')!r}", "mode=constant")
    widths = record.integers("pad_width")
    if len(widths) != 2 * len(call.shape()):
        raise call.error(f"{len(widths)} widths", f"two for each of {len(call.shape())} axes")
    pads = tuple((widths[k], widths[k + 1]) for k in range(0, len(widths), 2))
    call.emit(Pad(pads, record.number("constant_value", 0.0)))


def cast(call: Call) -> None:
    """``Cast`` to a floating type, in which nothing changes here."""
    call.record.choice("dtype", None, ("float32", "float16", "float64"))
    call.emit(Identity())


def _axis(call: Call, axis: int) -> int:
    rank = len(call.shape())
    if not -rank <= axis < rank:
        raise call.error(f"axis {axis} of shape {call.shape()}", "an axis of it")
    return axis % rank


LOWERINGS: Mapping[str, Lowering] = {
    "Cast": cast,
    "Concat": concat,
    "Crop": crop,
    "Flatten": flatten,
    "Pad": pad,
    "Reshape": reshape,
    "SliceChannel": split,
    "SwapAxis": swap_axes,
    "cast": cast,
    "concat": concat,
    "expand_dims": expand_dims,
    "flatten": flatten,
    "pad": pad,
    "reshape": reshape,
    "slice": slice_axes,
    "slice_axis": slice_axis,
    "split": split,
    "squeeze": squeeze,
    "swapaxes": swap_axes,
    "transpose": transpose,
}
