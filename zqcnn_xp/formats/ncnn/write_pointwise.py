"""Normalisation, activations and arithmetic, as ncnn's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zqcnn_xp.formats.ncnn.write import Writing
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = ["WRITERS", "activation"]


def activation(writing: Writing, op: Op) -> tuple[str, dict[int, Any]]:
    """Return the layer type and keys of an activation; a PReLU's slopes are written."""
    if isinstance(op, PReLU):
        slope = writing.weight("slope")
        writing.emit.raw(slope)
        return "PReLU", {0: slope.size}
    if not isinstance(op, Activation):
        raise writing.refused(f"its activation {op} has no counterpart in ncnn")
    linear = {0: float(op.alpha), 1: float(op.beta)}
    layers: dict[str, tuple[str, dict[int, Any]]] = {
        "relu": ("ReLU", {}),
        "leaky_relu": ("ReLU", {0: float(op.alpha)}),
        "clip": ("Clip", {0: float(op.low), 1: float(op.high)}),
        "sigmoid": ("Sigmoid", {}),
        "tanh": ("TanH", {}),
        "elu": ("ELU", {0: float(op.alpha)}),
        "hard_sigmoid": ("HardSigmoid", linear),
        "hard_swish": ("HardSwish", linear),
        "mish": ("Mish", {}),
        "softplus": ("BNLL", {}),
        "swish": ("Swish", {}),
    }
    return layers[op.kind]


def _activation(writing: Writing) -> None:
    kind, keys = activation(writing, writing.op)
    writing.layer(kind, keys)


def _batch_norm(writing: Writing) -> None:
    op: BatchNorm = writing.op
    mean, variance = writing.weight("mean"), writing.weight("variance")
    if np.any(variance + np.float32(op.eps) < 1e-32):
        raise writing.refused("has a variance at the floor of 1e-32, which ncnn does not have")
    weights = writing.node.weights
    writing.emit.raw(weights.get("scale", np.ones_like(mean)))
    writing.emit.raw(mean)
    writing.emit.raw(variance)
    writing.emit.raw(weights.get("bias", np.zeros_like(mean)))
    writing.layer("BatchNorm", {0: mean.size, 1: float(op.eps)} if op.eps else {0: mean.size})


def _scale(writing: Writing) -> None:
    op: Scale = writing.op
    if not op.scale and len(writing.shape) == 4:
        writing.emit.raw(writing.weight("bias"))
        writing.layer("Bias", {0: writing.weight("bias").size})
        return
    # ncnn's Bias leaves vectors as they are.
    bias = writing.node.weights.get("bias")
    scale = writing.node.weights.get("scale", None if bias is None else np.ones_like(bias))
    writing.emit.raw(scale)
    if bias is not None:
        writing.emit.raw(bias)
    writing.layer("Scale", {0: np.size(scale), 1: int(bias is not None)})


def _softmax(writing: Writing) -> None:
    writing.layer("Softmax", {0: writing.axis(writing.op.axis), 1: 1})


def _lrn(writing: Writing) -> None:
    op: LRN = writing.op
    before = (op.size - 1) // 2 if op.before is None else op.before
    if before != op.size // 2:
        raise writing.refused("has the larger half of its window behind, ncnn before")
    keys = {0: int(op.region == "within"), 1: op.size, 2: float(op.alpha), 3: float(op.beta)}
    writing.layer("LRN", {**keys, 4: float(op.k)})


def _normalize(writing: Writing) -> None:
    op: L2Normalize = writing.op
    if len(writing.shape) != 4:
        raise writing.refused(f"normalises a value of shape {writing.shape}, ncnn maps alone")
    scale = writing.weight("scale")
    writing.emit.raw(scale)
    keys = {0: int(op.across_spatial), 1: int(op.shared), 2: float(op.eps), 3: scale.size}
    writing.layer("Normalize", {**keys, 4: 1, 9: 0})


def _elementwise(writing: Writing) -> None:
    op: Elementwise = writing.op
    shapes = [writing.found[value] for value in writing.node.inputs]
    if len({len(shape) for shape in shapes}) > 1:
        raise writing.refused(f"combines values of different ranks, {shapes}")
    if len(shapes) == 2 and op.coefficients in ((), (1.0, 1.0), (1.0, -1.0)):
        code = {"sum": 0, "product": 2, "max": 4}[op.kind]
        writing.layer("BinaryOp", {0: 1 if op.coefficients == (1.0, -1.0) else code})
        return
    if len(shapes) < 2 or len(set(shapes)) > 1:
        raise writing.refused(f"stretches one of {len(shapes)} values")
    keys: dict[int, Any] = {0: {"product": 0, "sum": 1, "max": 2}[op.kind]}
    if op.coefficients:
        factors = tuple(float(factor) for factor in op.coefficients)
        keys[1] = factors
    writing.layer("Eltwise", keys)


def _max_feature_map(writing: Writing) -> None:
    out = writing.node.outputs[0]
    halves = (f"{out}/first", f"{out}/second")
    emit, name = writing.emit, writing.node.name
    emit.layer("Slice", f"{name}/halves", writing.node.inputs, halves, {0: (-233, -233)})
    emit.layer("BinaryOp", name, halves, (out,), {0: 4})


def _scalar(writing: Writing) -> None:
    kinds = ("add", "subtract", "multiply", "divide", "max", "min", "power")
    codes = {kind: code for code, kind in enumerate((*kinds, "reverse_subtract", "reverse_divide"))}
    writing.layer("BinaryOp", {0: codes[writing.op.kind], 1: 1, 2: float(writing.op.value)})


def _unary(writing: Writing) -> None:
    codes = {"abs": 0, "sqrt": 5, "exp": 7, "log": 8, "reciprocal": 15}
    writing.layer("UnaryOp", {0: codes[writing.op.kind]})


def _reduce(writing: Writing) -> None:
    op: Reduce = writing.op
    axes = tuple(range(len(writing.shape))) if op.axes is None else op.axes
    listed = tuple(writing.axis(axis) for axis in axes)
    if len(listed) == len(writing.shape) - 1 and not op.keepdims:
        raise writing.refused("leaves nothing but the batch")
    code = {"sum": 0, "mean": 3, "max": 4, "min": 5}[op.kind]
    writing.layer("Reduction", {0: code, 1: 0, 3: listed, 4: int(op.keepdims), 5: 1})


def _identity(writing: Writing) -> None:
    writing.layer("Dropout")


WRITERS: Mapping[type[Op], Callable[[Writing], None]] = {
    Activation: _activation,
    BatchNorm: _batch_norm,
    Elementwise: _elementwise,
    Identity: _identity,
    L2Normalize: _normalize,
    LRN: _lrn,
    MaxFeatureMap: _max_feature_map,
    PReLU: _activation,
    Reduce: _reduce,
    Scalar: _scalar,
    Scale: _scale,
    Softmax: _softmax,
    Unary: _unary,
}
