"""ONNX nodes of products and windows: convolutions, dense layers, pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.formats.onnx.write_common import Write, product, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.window import Pads

__all__ = ["WRITERS"]


def _window(pads: Pads) -> dict[str, Any]:
    if pads == "same_upper":
        return {"auto_pad": "SAME_UPPER"}
    top, bottom, left, right = pads
    return {"pads": [top, left, bottom, right]}


def _conv(emit: Emitter, node: Node, op: Conv2D, shapes: tuple[Shape, ...]) -> None:
    weight = np.asarray(node.weights["weight"]).transpose(3, 2, 0, 1)
    inputs = [node.inputs[0], emit.constant(f"{node.name}/weight", weight)]
    if op.bias:
        inputs.append(emit.constant(f"{node.name}/bias", node.weights["bias"]))
    product(
        emit,
        node,
        "Conv",
        inputs,
        4,
        kernel_shape=list(op.kernel),
        strides=list(op.stride),
        dilations=list(op.dilation),
        group=op.groups,
        **_window(op.pads),
    )


def _conv_transpose(
    emit: Emitter, node: Node, op: ConvTranspose2D, shapes: tuple[Shape, ...]
) -> None:
    weight = np.asarray(node.weights["weight"])
    kh, kw, each, outputs = weight.shape
    groups = op.groups
    split = weight.reshape(kh, kw, each, groups, outputs // groups).transpose(3, 2, 4, 0, 1)
    weight = split.reshape(each * groups, outputs // groups, kh, kw)
    inputs = [node.inputs[0], emit.constant(f"{node.name}/weight", weight)]
    if op.bias:
        inputs.append(emit.constant(f"{node.name}/bias", node.weights["bias"]))
    more = op.output_padding
    if op.size is not None or op.pads == "same_upper":
        if op.size is not None and not emit.fixed:
            raise refused(node, "gives one size whatever the input's: write a fixed size (shapes=)")
        (top, bottom, left, right), more = op.crop(*shapes[0][2:]), (0, 0)
    else:
        top, bottom, left, right = op.pads
    if min(top, bottom, left, right) < 0:
        raise refused(node, "adds cells that no input reaches, by a crop below 0")
    if any(p and p >= s for p, s in zip(more, op.stride, strict=True)):
        raise refused(node, "has an output_padding that is no smaller than the stride")
    product(
        emit,
        node,
        "ConvTranspose",
        inputs,
        4,
        kernel_shape=list(op.kernel),
        strides=list(op.stride),
        dilations=list(op.dilation),
        group=groups,
        pads=[top, left, bottom, right],
        output_padding=list(more),
    )


def _pool(emit: Emitter, node: Node, op: Pool2D, shapes: tuple[Shape, ...]) -> None:
    largest = op.kind == "max"
    (out,) = node.outputs
    if op.kernel is None:
        emit.node("GlobalMaxPool" if largest else "GlobalAveragePool", [node.inputs[0]], out)
        return
    padded = op.pads == "same_upper" or any(op.pads)
    reaching = any(s > k for s, k in zip(op.stride, op.kernel, strict=True))
    if op.ceil and not op.clip_last and (padded or reaching):
        raise refused(node, "keeps windows that start behind the map, which ONNX drops")
    if largest and padded and op.pad_value == "zero":
        raise refused(node, "lets padding compete as zero, which ONNX does not")
    attributes: dict[str, Any] = {"kernel_shape": list(op.kernel), "strides": list(op.stride)}
    attributes |= _window(op.pads)
    if op.ceil:
        attributes["ceil_mode"] = 1
    if op.dilation != (1, 1):
        if not largest:
            raise refused(node, "takes a mean over a dilated window, which is newer than opset 17")
        attributes["dilations"] = list(op.dilation)
    if not largest:
        if op.count == "kernel" and op.ceil:
            raise refused(node, "divides partial windows by the whole kernel")
        if op.count == "padded" and padded and op.ceil:
            raise refused(node, "counts padding in partial windows")
        attributes["count_include_pad"] = int(padded and op.count != "valid")
    emit.node("MaxPool" if largest else "AveragePool", [node.inputs[0]], out, **attributes)


def _dense(emit: Emitter, node: Node, op: Dense, shapes: tuple[Shape, ...]) -> None:
    weight = np.asarray(node.weights["weight"])
    rank = len(shapes[0])
    name = f"{node.name}/weight"
    bias = [emit.constant(f"{node.name}/bias", node.weights["bias"])] if op.bias else []
    if rank == 4:
        # The whole map is one window: a convolution that gives (N, O, 1, 1), as the op does.
        inputs = [node.inputs[0], emit.constant(name, weight.transpose(3, 2, 0, 1)), *bias]
        product(emit, node, "Conv", inputs, rank, kernel_shape=list(weight.shape[:2]))
        return
    inputs = [node.inputs[0], emit.constant(name, weight)]
    if not bias:
        product(emit, node, "MatMul", inputs, rank)
        return
    result = emit.fresh(f"{node.name}/matmul")
    emit.node("MatMul", inputs, result)
    product(emit, node, "Add", [result, *bias], rank)


WRITERS: Mapping[type[Op], Write] = {
    Conv2D: _conv,
    ConvTranspose2D: _conv_transpose,
    Dense: _dense,
    Pool2D: _pool,
}
