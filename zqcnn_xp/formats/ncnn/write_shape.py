"""Moves of elements, as ncnn's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zqcnn_xp.formats.ncnn.lower_shape import ORDERS
from zqcnn_xp.formats.ncnn.write import Writing
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["WRITERS"]

# Keys of Reshape, outermost axis first, by the number of axes.
_KEYS = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}


def _concat(writing: Writing) -> None:
    writing.layer("Concat", {0: writing.axis(writing.op.axis)})


def _slice(writing: Writing) -> None:
    """Write the parts of a whole axis as one Slice, any other range as a Crop."""
    op: Slice = writing.op
    axis = writing.axis(op.axis)
    if op.step != 1:
        raise writing.refused("leaves cells out between")
    parts = _parts(writing, op)
    if len(parts) > 1:
        sizes = tuple(writing.found[node.outputs[0]][op.axis] for node in parts)
        values = tuple(node.outputs[0] for node in parts)
        emit = writing.emit
        emit.layer("Slice", writing.node.name, writing.node.inputs, values, {0: sizes, 1: axis})
        writing.done += [node.name for node in parts]
        return
    start, stop, _ = slice(op.start, op.stop).indices(writing.shape[op.axis])
    stays = writing.found == writing.other or op.axis % len(writing.shape) == 1
    if not stays and (op.start < 0 or (op.stop is not None and op.stop < 0)):
        raise writing.refused("counts from the end of a free axis; pass shapes=")
    end = (1 << 31) - 1 if op.stop is None else stop
    writing.layer("Crop", {9: (start,), 10: (end,), 11: (axis,)})


def _parts(writing: Writing, op: Slice) -> list[Node]:
    """Return this node and those behind it that cut its input into consecutive parts."""
    parts: list[Node] = []
    cells, end = writing.shape[op.axis], 0
    for node in (writing.node, *writing.following):
        other = node.op
        if not isinstance(other, Slice) or node.inputs != writing.node.inputs:
            break
        if (other.axis, other.start, other.step) != (op.axis, end, 1) or other.stop is None:
            break
        parts.append(node)
        end = other.stop
        if end >= cells:
            break
    return parts if end == cells else []


def _reshape(writing: Writing) -> None:
    op: Reshape = writing.op
    source, target = writing.shape, writing.result
    if op.axis == 0 and op.num_axes == -1 and op.dims[:1] == (0,) and len(op.dims) > 1:
        dims = list(op.dims[1:])
        if len(dims) == len(source) - 1 or 0 not in dims:
            _shape_layer(writing, dims)
            return
    if not target or target[0] != source[0]:
        raise writing.refused(f"turns {source} into {target}, ncnn keeps the samples apart")
    _shape_layer(writing, _sizes(writing))


def _flatten(writing: Writing) -> None:
    if len(writing.result) == 2 and writing.result[0] == writing.shape[0]:
        writing.layer("Flatten")
        return
    if writing.result[:1] != writing.shape[:1]:
        raise writing.refused("merges samples, which ncnn keeps apart")
    _shape_layer(writing, _sizes(writing))


def _sizes(writing: Writing) -> list[int]:
    """Return the sizes of the result without the batch, -1 for one that the input decides."""
    value, source = writing.node.outputs[0], writing.node.inputs[0]
    shapes = writing.found[value], writing.other[value]
    inputs = writing.found[source], writing.other[source]
    sizes: list[int] = []
    for axis, (size, other) in enumerate(zip(*shapes, strict=True)):
        if axis == 0:
            continue
        same = len(inputs[0]) == len(shapes[0]) and (inputs[0][axis], inputs[1][axis])
        sizes.append(size if size == other else 0 if same == (size, other) else -1)
    if sizes.count(-1) > 1:
        raise writing.refused("has sizes that depend on the input's; pass shapes=")
    return sizes


def _shape_layer(writing: Writing, sizes: list[int]) -> None:
    keys = _KEYS.get(len(sizes))
    if keys is None:
        raise writing.refused(f"has a result of {len(sizes)} axes, ncnn at most 4")
    named = dict(zip(keys, sizes, strict=True))
    writing.layer("Reshape", {key: named[key] for key in sorted(named)})


def _transpose(writing: Writing) -> None:
    perm: tuple[int, ...] = writing.op.perm
    if perm == tuple(range(len(perm))):
        writing.layer("Dropout")
    elif perm == (0, 2, 1):
        writing.layer("Permute", {0: 1})
    elif perm in ORDERS:
        writing.layer("Permute", {0: ORDERS.index(perm)})
    else:
        raise writing.refused("is no order of ncnn's Permute")


def _pad(writing: Writing) -> None:
    op: Pad = writing.op
    outer, inner = op.pads[:-2], op.pads[-2:]
    if len(op.pads) == 2:
        outer, inner = op.pads[:1], ((0, 0), op.pads[1])
    if any(side for pair in outer for side in pair):
        raise writing.refused("pads other axes than rows and columns")
    keys = {0: inner[0][0], 1: inner[0][1], 2: inner[1][0], 3: inner[1][1]}
    writing.layer("Padding", {**keys, 4: 0, 5: float(op.value)})


def _crop(writing: Writing) -> None:
    op: Crop = writing.op
    sizes = writing.found[writing.node.inputs[1]]
    first = op.axis % len(writing.shape)
    if op.center or len(sizes) != len(writing.shape) or first == 0:
        raise writing.refused("cuts the middle, or the batch")
    if writing.shape[1:first] != sizes[1:first]:
        raise writing.refused("keeps axes that ncnn would cut to the other's size")
    count = len(sizes) - first
    offsets = op.offsets if len(op.offsets) == count else op.offsets * count
    full = [0] * (first - 1) + list(offsets)
    writing.layer("Crop", dict(enumerate(reversed(full))))


def _reorg(writing: Writing) -> None:
    op: Reorg = writing.op
    if op.order == "darknet":
        raise writing.refused("has Darknet's order, which ncnn does not have")
    writing.layer("Reorg", {0: op.stride, 1: int(op.order == "block")})


WRITERS: Mapping[type[Op], Callable[[Writing], None]] = {
    Concat: _concat,
    Crop: _crop,
    Flatten: _flatten,
    Pad: _pad,
    Reorg: _reorg,
    Reshape: _reshape,
    Slice: _slice,
    Transpose: _transpose,
}
