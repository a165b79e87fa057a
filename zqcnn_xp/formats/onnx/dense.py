"""MatMul and Gemm: fully connected layers with their biases, and products of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.records import NodeRecord, Tensor
from zqcnn_xp.formats.onnx.values import Const, Value
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.matmul import MatMul

__all__ = ["LOWERINGS", "by_matrix"]


def matmul(call: Call) -> None:
    """Lower MatMul of two values, or of a value by a constant matrix and a bias behind it.

    By a constant, rank 2 and 3 go as they are; rank 4 goes through rank 3, because a map has
    another meaning for a dense layer.
    """
    if len(call.node.inputs) == 2 and isinstance(call.operand(1), Value):
        call.emit(MatMul(), call.value(0), call.value(1), last=True)
        return
    by_matrix(call, call.value(0), call.weight(1))


def by_matrix(call: Call, x: Value, weight: Tensor) -> None:
    """Give the product by a constant matrix, and the bias added right after it."""
    if weight.ndim != 2 or x.rank < 2:
        found = f"a product of {x.shapes[0]} and {weight.shape}"
        raise call.error(found, "a value of 2 or more axes by a matrix")
    weights = {"weight": weight}
    added = _following_bias(call, weight.shape[1])
    if added is not None:
        add, weights["bias"] = added
        call.take_over(add)
    source, last = x, x.rank != 4
    if not last:
        x = call.reshape(x, tuple((n, c * h, w) for n, c, h, w in x.shapes))
    out = call.emit(Dense(weight.shape[1], "bias" in weights), x, weights=weights, last=last)
    if not last:
        call.reshape(out, tuple((*s[:3], weight.shape[1]) for s in source.shapes), last=True)


def _following_bias(call: Call, features: int) -> tuple[NodeRecord, Tensor] | None:
    """Return the only consumer, if it is an Add of a constant along the features, and that."""
    consumer = call.builder.sole_consumer(call.node.outputs[0])
    if consumer is None:
        return None
    node = call.builder.records[consumer]
    if node.op_type != "Add" or node.domain or len(node.inputs) != 2:
        return None
    other = node.inputs[1] if node.inputs[0] == call.node.outputs[0] else node.inputs[0]
    operand = call.builder.operands.get(other)
    array = operand.fixed if isinstance(operand, Const) else None
    if array is None or array.dtype != np.float32:
        return None
    along = array.size == features and array.shape[-1:] == (features,)
    # More axes than the product has would change the rank of the sum.
    return (node, array.reshape(-1)) if along and array.ndim <= 2 else None


def gemm(call: Call) -> None:
    """Lower Gemm: alpha * A * B + beta * C, with A computed and B, C constant."""
    x, weight = call.value(0, rank=2), call.weight(1)
    call.expect("transA", "int", (0,))
    call.expect("transB", "int", (0, 1))
    alpha, beta = call.attribute("alpha", "float", 1.0), call.attribute("beta", "float", 1.0)
    if weight.ndim != 2:
        raise call.error(f"a matrix of shape {weight.shape}", "two axes")
    if call.attribute("transB", "int", 0):
        source = weight
        weight = call.builder.converted(source, "transposed", lambda: source.T)
    if alpha != 1.0:
        plain = weight
        weight = call.builder.converted(plain, f"times {alpha}", lambda: _times(plain, alpha))
    weights = {"weight": weight}
    if call.given(2) and beta != 0.0:
        weights["bias"] = _times(_row(call, call.weight(2), weight.shape[1]), beta)
    call.emit(Dense(weight.shape[1], "bias" in weights), x, weights=weights, last=True)


def _row(call: Call, bias: Tensor, features: int) -> Tensor:
    if bias.size not in (1, features) or bias.ndim > 2 or bias.shape[:-1] not in ((), (1,)):
        raise call.error(f"a bias of shape {bias.shape}", f"({features},), (1, {features}) or one")
    return np.ascontiguousarray(np.broadcast_to(bias.reshape(-1), (features,)))


def _times(array: Tensor, factor: float) -> Tensor:
    return array if factor == 1.0 else array * np.float32(factor)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {"Gemm": gemm, "MatMul": matmul}
