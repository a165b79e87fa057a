"""ONNX nodes that move elements, and values that follow from sizes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.formats.onnx.write_common import Write, need_fixed, plain, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.layout import storage_shape, to_logical
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample

__all__ = ["WRITERS"]

_COORDINATES = {"corner": "asymmetric", "center": "half_pixel", "ends": "align_corners"}
_NEAREST = {
    "half_up": "round_prefer_ceil",
    "half_down": "round_prefer_floor",
    "floor": "floor",
    "ceil": "ceil",
}
_INT_MAX = (1 << 63) - 1


def _reshape(emit: Emitter, node: Node, op: Reshape, shapes: tuple[Shape, ...]) -> None:
    sizes = list(op.dims) if op.axis == 0 and op.num_axes == -1 else list(op.infer(*shapes)[0])
    target = emit.constant(f"{node.name}/shape", np.asarray(sizes, np.int64))
    emit.node("Reshape", [node.inputs[0], target], node.outputs[0], allowzero=int(op.allow_zero))


def _flatten(emit: Emitter, node: Node, op: Flatten, shapes: tuple[Shape, ...]) -> None:
    (x,), (y,) = node.inputs, node.outputs
    if op.form == "matrix":
        emit.node("Flatten", [x], y, axis=op.axis)
        return
    sizes = list(op.infer(*shapes)[0])
    if op.axis > 0:
        sizes[0] = 0
        if op.axis == 1 and op.end_axis in (-1, len(shapes[0]) - 1):
            sizes[1] = -1
    emit.node("Reshape", [x, emit.constant(f"{node.name}/shape", np.asarray(sizes, np.int64))], y)


def _upsample(emit: Emitter, node: Node, op: Upsample, shapes: tuple[Shape, ...]) -> None:
    attributes: dict[str, Any] = {"mode": "nearest" if op.kind == "nearest" else "linear"}
    attributes["coordinate_transformation_mode"] = _COORDINATES[op.align]
    if op.kind == "nearest":
        attributes["nearest_mode"] = _NEAREST[op.rounding]
    if op.scale is not None and all(float(factor).is_integer() for factor in op.scale):
        scales = np.asarray([1.0, 1.0, *op.scale], np.float32)
        inputs = [node.inputs[0], "", emit.constant(f"{node.name}/scales", scales)]
    elif op.size is not None:
        n, c = shapes[0][:2]
        sizes = np.asarray([n, c, *op.size], np.int64)
        inputs = [node.inputs[0], "", "", emit.constant(f"{node.name}/sizes", sizes)]
    else:
        raise refused(node, "rounds sizes of a fractional scale as ONNX does not")
    emit.node("Resize", inputs, node.outputs[0], **attributes)


def _boxes(emit: Emitter, node: Node, op: Op, shapes: tuple[Shape, ...]) -> None:
    need_fixed(emit, node)
    stored = [np.zeros(storage_shape(shape), np.float32) for shape in shapes]
    boxes = to_logical(np, op.forward(np, {}, *stored)[0])
    name = emit.constant(f"{node.name}/boxes", np.ascontiguousarray(boxes))
    emit.node("Identity", [name], node.outputs[0])


def _integers(emit: Emitter, node: Node, name: str, values: list[int]) -> str:
    return emit.constant(f"{node.name}/{name}", np.asarray(values, np.int64))


def _tile(emit: Emitter, node: Node, op: Tile, shapes: tuple[Shape, ...]) -> None:
    repeats = _integers(emit, node, "repeats", list(op.repeats))
    emit.node("Tile", [node.inputs[0], repeats], node.outputs[0])


def _pad(emit: Emitter, node: Node, op: Pad, shapes: tuple[Shape, ...]) -> None:
    sides = [before for before, _ in op.pads] + [after for _, after in op.pads]
    pads = _integers(emit, node, "pads", sides)
    value = emit.constant(f"{node.name}/value", np.float32(op.value))
    emit.node("Pad", [node.inputs[0], pads, value], node.outputs[0])


def _slice(emit: Emitter, node: Node, op: Slice, shapes: tuple[Shape, ...]) -> None:
    stop = _INT_MAX if op.stop is None else op.stop
    bounds = {"start": op.start, "stop": stop, "axis": op.axis, "step": op.step}
    names = [_integers(emit, node, name, [value]) for name, value in bounds.items()]
    emit.node("Slice", [node.inputs[0], *names], node.outputs[0])


def _crop(emit: Emitter, node: Node, op: Crop, shapes: tuple[Shape, ...]) -> None:
    need_fixed(emit, node)
    starts = op.starts(*shapes)
    sizes = shapes[1][op.axis :]
    stops = [start + size for start, size in zip(starts, sizes, strict=True)]
    axes = list(range(op.axis, len(shapes[0])))
    bounds = {"starts": starts, "stops": stops, "axes": axes}
    names = [_integers(emit, node, name, values) for name, values in bounds.items()]
    emit.node("Slice", [node.inputs[0], *names], node.outputs[0])


def _reorg(emit: Emitter, node: Node, op: Reorg, shapes: tuple[Shape, ...]) -> None:
    (x,), (y,) = node.inputs, node.outputs
    if op.order == "block":
        emit.node("SpaceToDepth", [x], y, blocksize=op.stride)
        return
    need_fixed(emit, node)
    n, c, h, w = shapes[0]
    s = op.stride
    if op.order == "darknet":
        c, h, w = c // (s * s), h * s, w * s
    split, moved = emit.fresh(f"{node.name}/split"), emit.fresh(f"{node.name}/moved")
    sizes = _integers(emit, node, "blocks", [n, c, h // s, s, w // s, s])
    emit.node("Reshape", [x, sizes], split)
    perm = [0, 1, 3, 5, 2, 4] if op.order == "channel" else [0, 3, 5, 1, 2, 4]
    emit.node("Transpose", [split], moved, perm=perm)
    emit.node("Reshape", [moved, _integers(emit, node, "sizes", list(op.infer(*shapes)[0]))], y)


WRITERS: Mapping[type[Op], Write] = {
    Concat: plain("Concat", axis="axis"),
    Crop: _crop,
    Flatten: _flatten,
    Identity: plain("Identity"),
    Pad: _pad,
    PriorBox: _boxes,
    PriorBoxMxnet: _boxes,
    PriorBoxText: _boxes,
    Reorg: _reorg,
    Reshape: _reshape,
    Slice: _slice,
    Tile: _tile,
    Transpose: plain("Transpose", perm="perm"),
    Upsample: _upsample,
}
