"""ONNX nodes of arithmetic: normalisation, sums, functions of one element, reductions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.formats.onnx.write_common import Write, alone, plain, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.matmul import MatMul
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.scalar import Scalar, ScalarOf
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = ["WRITERS"]

_SCALARS = {
    "multiply": "Mul",
    "divide": "Div",
    "add": "Add",
    "subtract": "Sub",
    "max": "Max",
    "min": "Min",
    "power": "Pow",
    "reverse_divide": "Div",
    "reverse_subtract": "Sub",
}


def _batchnorm(emit: Emitter, node: Node, op: BatchNorm, shapes: tuple[Shape, ...]) -> None:
    w = {name: np.asarray(value) for name, value in node.weights.items()}
    if np.any(w["variance"] + np.float32(op.eps) < 1e-32):
        raise refused(node, "has a variance at the floor of 1e-32, which ONNX does not have")
    ones, zeros = np.ones_like(w["mean"]), np.zeros_like(w["mean"])
    values = (w.get("scale", ones), w.get("bias", zeros), w["mean"], w["variance"])
    names = ("scale", "bias", "mean", "variance")
    constants = [
        emit.constant(f"{node.name}/{name}", value)
        for name, value in zip(names, values, strict=True)
    ]
    emit.node("BatchNormalization", [node.inputs[0], *constants], node.outputs[0], epsilon=op.eps)


def _scale(emit: Emitter, node: Node, op: Scale, shapes: tuple[Shape, ...]) -> None:
    rank = len(shapes[0])
    shape = (-1,) + (1,) * (rank - 2)
    x = node.inputs[0]
    if op.scale:
        factor = emit.constant(f"{node.name}/scale", np.reshape(node.weights["scale"], shape))
        y = emit.fresh(f"{node.name}/scaled") if op.bias else node.outputs[0]
        emit.node("Mul", [x, factor], y)
        x = y
    if op.bias:
        shift = emit.constant(f"{node.name}/bias", np.reshape(node.weights["bias"], shape))
        emit.node("Add", [x, shift], node.outputs[0])


def _elementwise(emit: Emitter, node: Node, op: Elementwise, shapes: tuple[Shape, ...]) -> None:
    inputs = list(node.inputs)
    for place, factor in enumerate(op.coefficients):
        if factor != 1:
            constant = emit.constant(f"{node.name}/coefficient{place}", np.float32(factor))
            scaled = emit.fresh(f"{node.name}/term{place}")
            emit.node("Mul", [inputs[place], constant], scaled)
            inputs[place] = scaled
    if op.kind != "product":
        emit.node("Sum" if op.kind == "sum" else "Max", inputs, node.outputs[0])
        return
    for place, factor_name in enumerate(inputs[1:], 1):
        last = place == len(inputs) - 1
        out = node.outputs[0] if last else emit.fresh(f"{node.name}/factor{place}")
        emit.node("Mul", [inputs[0], factor_name], out)
        inputs[0] = out


def _l2_normalize(emit: Emitter, node: Node, op: L2Normalize, shapes: tuple[Shape, ...]) -> None:
    rank = len(shapes[0])
    (x,), (y,) = node.inputs, node.outputs
    axes = list(range(1, rank)) if op.across_spatial else [1]
    steps = [emit.fresh(f"{node.name}/{step}") for step in ("square", "sum", "eps", "norm", "unit")]
    square, total, floored, norm, unit = steps
    emit.node("Mul", [x, x], square)
    axes_name = emit.constant(f"{node.name}/axes", np.asarray(axes, np.int64))
    emit.node("ReduceSum", [square, axes_name], total, keepdims=1)
    emit.node("Add", [total, emit.constant(f"{node.name}/epsilon", np.float32(op.eps))], floored)
    emit.node("Sqrt", [floored], norm)
    emit.node("Div", [x, norm], unit)
    scale = np.reshape(node.weights["scale"], (-1,) + (1,) * (rank - 2))
    emit.node("Mul", [unit, emit.constant(f"{node.name}/scale", scale)], y)


def _lrn(emit: Emitter, node: Node, op: LRN, shapes: tuple[Shape, ...]) -> None:
    odd = op.size % 2 == 1
    if op.region != "across" or not odd or op.before not in (None, op.size // 2):
        raise refused(node, "sums over a window that ONNX does not have")
    emit.node(
        "LRN",
        list(node.inputs),
        node.outputs[0],
        size=op.size,
        alpha=op.alpha,
        beta=op.beta,
        bias=op.k,
    )


def _scalar(emit: Emitter, node: Node, op: Scalar, shapes: tuple[Shape, ...]) -> None:
    value = emit.constant(f"{node.name}/value", np.float32(op.value))
    _combine(emit, node, op.kind, node.inputs[0], value)


def _scalar_of(emit: Emitter, node: Node, op: ScalarOf, shapes: tuple[Shape, ...]) -> None:
    flat, first = emit.fresh(f"{node.name}/flat"), emit.fresh(f"{node.name}/first")
    sizes = emit.constant(f"{node.name}/sizes", np.asarray([-1], np.int64))
    emit.node("Reshape", [node.inputs[0], sizes], flat)
    emit.node("Gather", [flat, emit.constant(f"{node.name}/zero", np.int64(0))], first, axis=0)
    _combine(emit, node, op.kind, node.inputs[1], first)


def _combine(emit: Emitter, node: Node, kind: str, x: str, s: str) -> None:
    inputs = [s, x] if kind.startswith("reverse") else [x, s]
    emit.node(_SCALARS[kind], inputs, node.outputs[0])


def _reduce(emit: Emitter, node: Node, op: Reduce, shapes: tuple[Shape, ...]) -> None:
    axes = list(range(len(shapes[0])) if op.axes is None else op.axes)
    kind, keep = f"Reduce{op.kind.capitalize()}", int(op.keepdims)
    x, y = node.inputs[0], node.outputs[0]
    if not axes:
        emit.node("Identity", [x], y)
    elif op.kind == "sum":
        # The only one whose axes are an input at this opset.
        listed = emit.constant(f"{node.name}/axes", np.asarray(axes, np.int64))
        emit.node(kind, [x, listed], y, keepdims=keep)
    else:
        emit.node(kind, [x], y, axes=axes, keepdims=keep)


def _max_feature_map(
    emit: Emitter, node: Node, op: MaxFeatureMap, shapes: tuple[Shape, ...]
) -> None:
    half = shapes[0][1] // 2
    axis = emit.constant(f"{node.name}/axis", np.asarray([1], np.int64))
    places = [
        emit.constant(f"{node.name}/place{k}", np.asarray([k * half], np.int64)) for k in range(3)
    ]
    halves = [emit.fresh(f"{node.name}/half{k}") for k in range(2)]
    for k, name in enumerate(halves):
        emit.node("Slice", [node.inputs[0], places[k], places[k + 1], axis], name)
    emit.node("Max", halves, node.outputs[0])


def _unary(emit: Emitter, node: Node, op: Unary, shapes: tuple[Shape, ...]) -> None:
    emit.node(op.kind.capitalize(), list(node.inputs), node.outputs[0])


WRITERS: Mapping[type[Op], Write] = {
    Activation: alone,
    BatchNorm: _batchnorm,
    Elementwise: _elementwise,
    L2Normalize: _l2_normalize,
    LRN: _lrn,
    MatMul: plain("MatMul"),
    MaxFeatureMap: _max_feature_map,
    PReLU: alone,
    Reduce: _reduce,
    Scalar: _scalar,
    ScalarOf: _scalar_of,
    Scale: _scale,
    Softmax: plain("Softmax", axis="axis"),
    Unary: _unary,
}
