"""Sums, products and maxima, of values with each other and with constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Literal

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.channels import along_channels
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Const, Value
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]


def add(call: Call) -> None:
    """Lower Add."""
    _both(call, 2)
    _fold_left(call, "sum")


def mul(call: Call) -> None:
    """Lower Mul."""
    _both(call, 2)
    _fold_left(call, "product")


def summed(call: Call) -> None:
    """Lower Sum, of any number of inputs."""
    _fold_left(call, "sum")


def mean(call: Call) -> None:
    """Lower Mean, of any number of inputs."""
    count = len(call.node.inputs)
    total = call.emit(Elementwise("sum"), *(call.value(k) for k in range(count)))
    along_channels(call, total, {"scale": np.asarray([1 / count], np.float32)}, last=True)


def sub(call: Call) -> None:
    """Lower Sub; a factor of -1 is exact."""
    _both(call, 2)
    a, b = call.operand(0), call.operand(1)
    if isinstance(a, Value) and isinstance(b, Value):
        call.emit(Elementwise("sum", (1.0, -1.0)), a, b, last=True)
    elif isinstance(a, Value):
        along_channels(call, a, {"bias": -call.weight(1)}, last=True)
    else:
        both = {"scale": np.asarray([-1], np.float32), "bias": call.weight(0)}
        along_channels(call, call.value(1), both, last=True)


def neg(call: Call) -> None:
    """Lower Neg."""
    along_channels(call, call.value(0), {"scale": np.asarray([-1], np.float32)}, last=True)


def div(call: Call) -> None:
    """Lower Div as a product with a reciprocal: within one rounding of the quotient."""
    _both(call, 2)
    a, b = call.operand(0), call.operand(1)
    if isinstance(b, Value):
        inverse = call.emit(Unary("reciprocal"), b)
        if isinstance(a, Value):
            call.emit(Elementwise("product"), a, inverse, last=True)
        else:
            along_channels(call, inverse, {"scale": call.weight(0)}, last=True)
        return
    factor = (1.0 / call.weight(1).astype(np.float64)).astype(np.float32)
    if not np.all(np.isfinite(factor)):
        raise call.error("a divisor without a finite reciprocal", "others")
    along_channels(call, call.value(0), {"scale": factor}, last=True)


def maximum(call: Call) -> None:
    """Lower Max, of any number of values and one number."""
    values, bound = _split_bound(call, max)
    total = values[0]
    if len(values) > 1:
        total = call.emit(Elementwise("max"), *values, last=bound is None)
    if bound is not None:
        op = Activation("relu") if bound == 0 else Activation("clip", low=bound, high=inf)
        call.emit(op, total, last=True)
    elif len(values) == 1:
        call.emit(Identity(), total, last=True)


def minimum(call: Call) -> None:
    """Lower Min of one value and numbers, or of several values: -max(-a, -b)."""
    values, bound = _split_bound(call, min)
    total = values[0]
    if len(values) > 1:
        minus = {"scale": np.asarray([-1], np.float32)}
        turned = [along_channels(call, value, minus, last=False) for value in values]
        largest = call.emit(Elementwise("max"), *turned)
        total = along_channels(call, largest, minus, last=bound is None)
    if bound is not None:
        call.emit(Activation("clip", low=-inf, high=bound), total, last=True)
    elif len(values) == 1:
        call.emit(Identity(), total, last=True)


def _split_bound(
    call: Call, pick: Callable[[float, float], float]
) -> tuple[list[Value], float | None]:
    values: list[Value] = []
    bound: float | None = None
    for index, operand in enumerate(call.operands):
        if isinstance(operand, Value):
            values.append(operand)
            continue
        array = call.weight(index)
        number = float(array.reshape(-1)[0]) if array.size == 1 else inf
        if not isfinite(number):
            raise call.error(f"a constant of shape {array.shape}", "one finite number")
        bound = number if bound is None else pick(bound, number)
    return values, bound


def _both(call: Call, count: int) -> None:
    if len(call.node.inputs) != count:
        raise call.error(f"{len(call.node.inputs)} inputs", f"{count}")


def _fold_left(call: Call, kind: Literal["sum", "product"]) -> None:
    """Combine the values, then the constants one after the other."""
    values = [operand for operand in call.operands if isinstance(operand, Value)]
    constants = [k for k, operand in enumerate(call.operands) if isinstance(operand, Const)]
    total = values[0]
    if len(values) > 1:
        total = call.emit(Elementwise(kind), *values, last=not constants)
    elif not constants:
        call.emit(Identity(), total, last=True)
    weight = "bias" if kind == "sum" else "scale"
    for place, index in enumerate(constants):
        array: Tensor = call.weight(index)
        last = place == len(constants) - 1
        total = along_channels(call, total, {weight: array}, last=last)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Add": add,
    "Div": div,
    "Max": maximum,
    "Mean": mean,
    "Min": minimum,
    "Mul": mul,
    "Neg": neg,
    "Sub": sub,
    "Sum": summed,
}
