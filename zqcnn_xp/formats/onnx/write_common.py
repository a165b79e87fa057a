"""What the writers of all ops share: their form, refusals, products with an activation behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.prelu import PReLU

__all__ = ["Write", "activation", "alone", "need_fixed", "plain", "product", "refused"]

Write: TypeAlias = Callable[[Emitter, Node, Any, tuple[Shape, ...]], None]
"""``write(emit, node, op, input shapes)`` adds what a node means."""


def refused(node: Node, reason: str) -> GraphError:
    """Make (not raise) an error that names the node."""
    return GraphError(f"{node.label}: {reason}; {node.op}")


def need_fixed(emit: Emitter, node: Node) -> None:
    """Refuse a node that is a constant of one size only.

    Raises
    ------
    GraphError
        If sizes are free.
    """
    if not emit.fixed:
        reason = "depends on the input's size: write a model of fixed size (shapes=)"
        raise refused(node, reason)


_NAMES = {
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "tanh": "Tanh",
    "elu": "Elu",
}


def product(
    emit: Emitter, node: Node, kind: str, inputs: list[str], rank: int, **attributes: Any
) -> None:
    """Emit a product, then the activation of the node's op behind it where there is one."""
    (out,) = node.outputs
    behind: Op | None = getattr(node.op, "activation", None)
    between = out if behind is None else emit.fresh(f"{out}/product")
    emit.node(kind, inputs, between, **attributes)
    if behind is not None:
        activation(emit, node, behind, between, out, rank)


def activation(emit: Emitter, node: Node, op: Op, x: str, y: str, rank: int) -> None:
    """Emit an activation without or with the slopes of the node."""
    if isinstance(op, PReLU):
        slope = np.asarray(node.weights["slope"])
        shape = (-1,) if op.shared or rank == 2 else (-1,) + (1,) * (rank - 2)
        emit.node("PRelu", [x, emit.constant(f"{node.name}/slope", slope.reshape(shape))], y)
        return
    if not isinstance(op, Activation):
        raise refused(node, f"its activation {op} has no counterpart in ONNX")
    if op.kind == "clip":
        low = emit.constant(f"{node.name}/low", np.float32(op.low))
        high = emit.constant(f"{node.name}/high", np.float32(op.high))
        emit.node("Clip", [x, low, high], y)
    elif op.kind in _NAMES:
        attributes = {"alpha": op.alpha} if op.kind in ("leaky_relu", "elu") else {}
        emit.node(_NAMES[op.kind], [x], y, **attributes)
    elif op.kind == "hard_sigmoid":
        emit.node("HardSigmoid", [x], y, alpha=op.alpha, beta=op.beta)
    else:
        _gated(emit, node, op, x, y)


def _gated(emit: Emitter, node: Node, op: Activation, x: str, y: str) -> None:
    """Emit x times a gate: swish, hard swish, Mish."""
    gate = emit.fresh(f"{y}/gate")
    if op.kind == "swish":
        emit.node("Sigmoid", [x], gate)
    elif op.kind == "hard_swish":
        emit.node("HardSigmoid", [x], gate, alpha=op.alpha, beta=op.beta)
    elif op.kind == "mish":
        soft = emit.fresh(f"{y}/softplus")
        emit.node("Softplus", [x], soft)
        emit.node("Tanh", [soft], gate)
    else:
        raise refused(node, f"its activation {op.kind!r} has no counterpart in ONNX")
    emit.node("Mul", [x, gate], y)


def alone(emit: Emitter, node: Node, op: Op, shapes: tuple[Shape, ...]) -> None:
    """Write an activation that is a node of its own."""
    activation(emit, node, op, node.inputs[0], node.outputs[0], len(shapes[0]))


def plain(name: str, **fixed: Any) -> Write:
    """Return a writer of one node whose attributes are the op's fields of these names."""

    def write(emit: Emitter, node: Node, op: Op, shapes: tuple[Shape, ...]) -> None:
        attributes = {key: getattr(op, field) for key, field in fixed.items()}
        attributes = {k: list(v) if isinstance(v, tuple) else v for k, v in attributes.items()}
        emit.node(name, list(node.inputs), node.outputs[0], **attributes)

    return write
