"""Reductions, normalisations, and matrix products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.channels import along_channels
from zqcnn_xp.formats.onnx.dense import by_matrix
from zqcnn_xp.formats.onnx.reduce import fold_axes
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.openvino.attributes import boolean, choice, integer, number
from zqcnn_xp.formats.openvino.shapes import fixed
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.matmul import MatMul
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]


def reduce(call: Call, kind: str) -> None:
    """Lower a reduction over the axes of input 1."""
    x = call.value(0)
    fold_axes(call, x, kind, _axes(call, x), boolean(call, "keep_dims", False), last=True)


def length(call: Call, order: int) -> None:
    """Lower ReduceL1 and ReduceL2."""
    x = call.value(0)
    axes, keep = _axes(call, x), boolean(call, "keep_dims", False)
    if order == 1:
        fold_axes(call, call.emit(Unary("abs"), x), "sum", axes, keep, last=True)
        return
    square = call.emit(Elementwise("product"), x, x)
    call.emit(Unary("sqrt"), fold_axes(call, square, "sum", axes, keep, last=False), last=True)


def _axes(call: Call, x: Value) -> tuple[int, ...]:
    axes = tuple(call.axis(axis, x.rank) for axis in fixed(call, 1))
    if len(set(axes)) != len(axes):
        raise call.error(f"axes {axes}", "different ones")
    return axes


def matmul(call: Call) -> None:
    """Lower MatMul: of two values, or of a value by a constant matrix."""
    turn_a, turn_b = boolean(call, "transpose_a", False), boolean(call, "transpose_b", False)
    x = call.value(0)
    if turn_a:
        x = _turned(call, x)
    other = call.operand(1)
    if isinstance(other, Value):
        call.emit(MatMul(), x, _turned(call, other) if turn_b else other, last=True)
        return
    weight = call.weight(1)
    if weight.ndim > 2 and set(weight.shape[:-2]) == {1} and weight.ndim <= x.rank:
        weight = weight.reshape(weight.shape[-2:])
    if turn_b and weight.ndim == 2:
        plain = weight
        weight = call.builder.converted(plain, "transposed", lambda: plain.T)
    by_matrix(call, x, weight)


def _turned(call: Call, x: Value) -> Value:
    if x.rank < 2:
        raise call.error(f"an input of shape {x.shapes[0]}", "2 axes or more")
    order = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    return call.emit(Transpose(order), x)


def softmax(call: Call) -> None:
    """Lower SoftMax."""
    x = call.value(0)
    call.emit(Softmax(call.axis(integer(call, "axis", 1), x.rank)), x, last=True)


def normalize_l2(call: Call) -> None:
    """Lower NormalizeL2: over the channels of a pixel, the whole sample, or any axes."""
    x = call.value(0)
    axes = sorted(_axes(call, x))
    eps = number(call, "eps")
    mode = choice(call, "eps_mode", "add", ("add", "max"))
    across = x.rank > 2 and axes == list(range(1, x.rank))
    if mode == "add" and x.rank > 1 and (axes == [1] or across) and x.size(1) is not None:
        op = call.make(L2Normalize, across, eps, shared=True)
        call.emit(op, x, weights={"scale": np.ones(1, np.float32)}, last=True)
        return
    square = call.emit(Elementwise("product"), x, x)
    total = fold_axes(call, square, "sum", tuple(axes), True, last=False)
    total = call.emit(call.make(Scalar, mode, eps), total)
    inverse = call.emit(Unary("reciprocal"), call.emit(Unary("sqrt"), total))
    call.emit(Elementwise("product"), x, inverse, last=True)


def mvn(call: Call) -> None:
    """Lower MVN: less the mean over axes, by the standard deviation where asked for."""
    x = call.value(0)
    if call.given(1):
        axes = _axes(call, x)
    else:
        first = 1 if boolean(call, "across_channels", False) else 2
        axes = tuple(range(first, x.rank))
    eps, mode = number(call, "eps", 1e-9), "inside_sqrt"
    if call.given(1):
        mode = choice(call, "eps_mode", mode, ("inside_sqrt", "outside_sqrt"))
    scaled = boolean(call, "normalize_variance", True)
    mean = fold_axes(call, x, "mean", axes, True, last=False)
    gap = call.emit(Elementwise("sum", (1.0, -1.0)), x, mean, last=not scaled)
    if not scaled:
        return
    square = call.emit(Elementwise("product"), gap, gap)
    spread = fold_axes(call, square, "mean", axes, True, last=False)
    floor = call.make(Scalar, "add", eps)
    steps = [floor, Unary("sqrt")] if mode == "inside_sqrt" else [Unary("sqrt"), floor]
    for step in (*steps, Unary("reciprocal")):
        spread = call.emit(step, spread)
    call.emit(Elementwise("product"), gap, spread, last=True)


def lrn(call: Call) -> None:
    """Lower LRN, across channels or within one."""
    x = call.value(0)
    axes = sorted(_axes(call, x))
    region = {(1,): "across", (2, 3): "within"}.get(tuple(axes))
    if region is None or (region == "within" and x.rank != 4):
        raise call.error(f"axes {axes} of {x.shapes[0]}", "[1], or [2, 3] of a map")
    numbers = [number(call, name) for name in ("alpha", "beta", "bias")]
    size = integer(call, "size")
    if not 0 < size < 1 << 16:
        raise call.error(f"attribute 'size' = {size}", "1 or more")
    call.emit(call.make(LRN, size, *numbers, region=region), x, last=True)


def batch_norm(call: Call) -> None:
    """Lower BatchNormInference: data first since operation set 5, third before."""
    late = getattr(call.node, "version", "opset5") not in ("opset1", "opset2", "opset3", "opset4")
    data, scale, bias = (0, 1, 2) if late else (2, 0, 1)
    names = {"scale": scale, "bias": bias, "mean": 3, "variance": 4}
    eps = number(call, "eps" if call.has("eps") else "epsilon")
    weights = {name: call.weight(index) for name, index in names.items()}
    call.emit(call.make(BatchNorm, eps), call.value(data), weights=weights, last=True)


def attention(call: Call) -> None:
    """Lower ScaledDotProductAttention without mask: softmax(scale * q k^T) v."""
    q, k, v = (call.value(index) for index in range(3))
    # A mask of zero masks nothing.
    masked = call.given(3) and bool(np.any(call.constant(3)))
    if boolean(call, "causal", False) or masked or call.given(5):
        raise call.error("a causal or masked attention", "neither")
    width = q.size(q.rank - 1)
    if call.given(4):
        scale = call.weight(4).reshape(-1)[:1]
    elif width:
        scale = np.asarray([width**-0.5], np.float32)
    else:
        raise call.error(f"queries of shape {q.shapes[0]}", "a fixed width")
    products = call.emit(MatMul(), q, _turned(call, k))
    scaled = along_channels(call, products, {"scale": scale}, last=False)
    call.emit(MatMul(), call.emit(Softmax(products.rank - 1), scaled), v, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "BatchNormInference": batch_norm,
    "LRN": lrn,
    "MVN": mvn,
    "MatMul": matmul,
    "NormalizeL2": normalize_l2,
    "ReduceL1": partial(length, order=1),
    "ReduceL2": partial(length, order=2),
    "ReduceMax": partial(reduce, kind="max"),
    "ReduceMean": partial(reduce, kind="mean"),
    "ReduceMin": partial(reduce, kind="min"),
    "ReduceSum": partial(reduce, kind="sum"),
    "ScaledDotProductAttention": attention,
    "SoftMax": softmax,
    "Softmax": softmax,
}
