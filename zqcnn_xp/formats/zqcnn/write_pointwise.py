"""Lines that keep the shape: normalisation, activations, softmax, sums, arithmetic, copies."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.formats.zqcnn.emit import Emitter, four, number, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scalar import Scalar, ScalarOf
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = [
    "activate",
    "activation",
    "batch_norm",
    "copy",
    "eltwise",
    "lrn",
    "normalize",
    "scalar",
    "scale",
    "softmax",
    "unary",
]

SCALARS = {
    "multiply": "MUL",
    "divide": "DIV",
    "add": "ADD",
    "subtract": "SUB",
    "max": "MAX",
    "min": "MIN",
    "power": "POW",
    "reverse_divide": "RDIV",
    "reverse_subtract": "RMINUS",
}


def activation(
    emit: Emitter, node: Node, op: Activation | PReLU, shapes: tuple[Shape, ...]
) -> None:
    """Write an activation that is a layer of the graph."""
    x, y = emit.blobs[node.inputs[0]], emit.blobs[node.outputs[0]]
    activate(emit, node, op, x, y, four(shapes[0])[1], own=True)


def activate(
    emit: Emitter, node: Node, op: Op, x: str, y: str, channels: int, *, own: bool
) -> None:
    """Write an activation from blob ``x`` to ``y``; ``own`` says that it is all the node does."""
    part = "" if own else "activation"
    if isinstance(op, PReLU):
        slope = np.broadcast_to(np.asarray(node.weights["slope"]), (channels,))
        emit.line("PReLU", node, part=part, weights=[slope], bottoms=[x], top=y)
        return
    kind = op.kind if isinstance(op, Activation) else type(op).__name__
    if isinstance(op, Activation) and kind in ("relu", "leaky_relu"):
        leak = kind == "leaky_relu" and op.alpha
        slope_field = [f"slope={number(node, op.alpha)}"] if leak else []
        emit.line("ReLU", node, *slope_field, part=part, bottoms=[x], top=y)
    elif isinstance(op, Activation) and kind == "clip" and (op.low, op.high) == (0.0, 6.0):
        emit.line("ReLU6", node, part=part, bottoms=[x], top=y)
    elif isinstance(op, Activation) and kind == "clip":
        between = emit.fresh(node, "low")
        _scalar(emit, node, "max", op.low, x, between, "low")
        _scalar(emit, node, "min", op.high, between, y, part)
    elif isinstance(op, Activation) and kind in ("hard_sigmoid", "hard_swish"):
        steps = [emit.fresh(node, step) for step in ("scaled", "moved", "low", "gate")]
        gate = y if kind == "hard_sigmoid" else steps[3]
        _scalar(emit, node, "multiply", op.alpha, x, steps[0], "scaled")
        _scalar(emit, node, "add", op.beta, steps[0], steps[1], "moved")
        _scalar(emit, node, "max", 0.0, steps[1], steps[2], "low")
        last = part if kind == "hard_sigmoid" else "gate"
        _scalar(emit, node, "min", 1.0, steps[2], gate, last)
        if kind == "hard_swish":
            emit.line("Eltwise", node, "operation=PROD", part=part, bottoms=[x, gate], top=y)
    else:
        raise refused(node, f"its activation {kind!r} has no counterpart in a .zqparams file")


def batch_norm(emit: Emitter, node: Node, op: BatchNorm, shapes: tuple[Shape, ...]) -> None:
    """``BatchNorm`` without factor and offset, else ``BatchNormScale``."""
    w = node.weights
    fields = [f"eps={number(node, op.eps)}"] if op.eps else []
    weights = [w["mean"], w["variance"]]
    if not op.scale and not op.bias:
        emit.line("BatchNorm", node, *fields, weights=weights)
        return
    weights.append(w["scale"] if op.scale else np.ones_like(w["mean"]))
    if op.bias:
        fields.append("bias")
        weights.append(w["bias"])
    emit.line("BatchNormScale", node, *fields, weights=weights)


def scale(emit: Emitter, node: Node, op: Scale, shapes: tuple[Shape, ...]) -> None:
    """``Scale``, or ``AddBias`` where there is no factor."""
    if not op.scale:
        emit.line("AddBias", node, weights=[node.weights["bias"]])
    elif op.bias:
        weights = [node.weights["scale"], node.weights["bias"]]
        emit.line("Scale", node, "bias", weights=weights)
    else:
        emit.line("Scale", node, weights=[node.weights["scale"]])


def softmax(emit: Emitter, node: Node, op: Softmax, shapes: tuple[Shape, ...]) -> None:
    """``Softmax`` over one axis."""
    emit.line("Softmax", node, f"axis={op.axis % len(shapes[0])}")


def eltwise(emit: Emitter, node: Node, op: Elementwise, shapes: tuple[Shape, ...]) -> None:
    """``Eltwise``; its inputs have equal shapes."""
    if any(four(shape) != four(shapes[0]) or len(shape) != len(shapes[0]) for shape in shapes):
        found = ", ".join(map(str, shapes))
        raise refused(node, f"stretches inputs of shapes {found}; Eltwise takes equal shapes")
    if len(shapes) == 1:
        factor = op.coefficients[0] if op.coefficients else 1.0
        x, y = emit.blobs[node.inputs[0]], emit.blobs[node.outputs[0]]
        _scalar(emit, node, "multiply", factor, x, y, "")
        return
    word = {"sum": "SUM", "product": "PROD", "max": "MAX"}[op.kind]
    weights = [f"weight={number(node, value)}" for value in op.coefficients]
    emit.line("Eltwise", node, f"operation={word}", *weights)


def normalize(emit: Emitter, node: Node, op: L2Normalize, shapes: tuple[Shape, ...]) -> None:
    """``Normalize``."""
    flags = [("across_spatial", op.across_spatial), ("channel_shared", op.shared)]
    fields = [key for key, on in flags if on]
    eps = f"eps={number(node, op.eps)}"
    emit.line("Normalize", node, *fields, eps, weights=[node.weights["scale"]])


def lrn(emit: Emitter, node: Node, op: LRN, shapes: tuple[Shape, ...]) -> None:
    """``LRN`` across channels."""
    before = (op.size - 1) // 2 if op.before is None else op.before
    if op.region != "across" or before != op.size // 2:
        raise refused(node, "has a window that ZQCNN's LRN, across channels and centred, lacks")
    values = (("alpha", op.alpha), ("beta", op.beta), ("k", op.k))
    fields = [f"{key}={number(node, value)}" for key, value in values]
    emit.line("LRN", node, "operation=0", f"local_size={op.size}", *fields)


def scalar(emit: Emitter, node: Node, op: Scalar | ScalarOf, shapes: tuple[Shape, ...]) -> None:
    """``ScalarOperation`` with a number, ``UnaryOperation`` with the first of two bottoms."""
    word = f"operation={SCALARS[op.kind]}"
    if isinstance(op, ScalarOf):
        emit.line("UnaryOperation", node, word)
    else:
        emit.line("ScalarOperation", node, word, f"scalar={number(node, op.value)}")


def unary(emit: Emitter, node: Node, op: Unary, shapes: tuple[Shape, ...]) -> None:
    """``Sqrt``; a reciprocal is 1 / x, a magnitude the larger of x and -x."""
    x, y = emit.blobs[node.inputs[0]], emit.blobs[node.outputs[0]]
    if op.kind == "sqrt":
        emit.line("Sqrt", node)
    elif op.kind == "reciprocal":
        _scalar(emit, node, "reverse_divide", 1.0, x, y, "")
    elif op.kind == "abs":
        negative = emit.fresh(node, "negative")
        _scalar(emit, node, "multiply", -1.0, x, negative, "negative")
        emit.line("Eltwise", node, "operation=MAX", bottoms=[x, negative])
    else:
        raise refused(node, f"its function {op.kind!r} has no counterpart in a .zqparams file")


def copy(emit: Emitter, node: Node, op: Identity, shapes: tuple[Shape, ...]) -> None:
    """``Copy``."""
    emit.line("Copy", node)


def _scalar(emit: Emitter, node: Node, kind: str, value: float, x: str, y: str, part: str) -> None:
    fields = [f"operation={SCALARS[kind]}", f"scalar={number(node, value)}"]
    emit.line("ScalarOperation", node, *fields, part=part, bottoms=[x], top=y)
