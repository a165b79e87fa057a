"""Sums, products and other arithmetic: of values, of values and arrays, of values and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from zqcnn_xp.formats.mxnet.call import Call, Lowering, Tensor
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.scalar import Scalar, ScalarKind
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]

_MINUS = -1.0


def add(call: Call) -> None:
    """Sum of any number of values and arrays."""
    _combine(call, "sum")


def multiply(call: Call) -> None:
    """Product of two operands."""
    _combine(call, "product")


def maximum(call: Call) -> None:
    """Larger of two values."""
    call.emit(Elementwise("max"), call.value(0), call.value(1))


def minimum(call: Call) -> None:
    """Smaller of two values: minus the larger of their negatives."""
    turned = [
        call.emit(Scalar("multiply", _MINUS), call.value(k), part=f"minus{k}") for k in (0, 1)
    ]
    largest = call.emit(Elementwise("max"), *turned, part="max")
    call.emit(Scalar("multiply", _MINUS), largest)


def subtract(call: Call) -> None:
    """First operand minus the second; a factor of -1 is exact."""
    if _is_array(call, 1):
        _constant(call, call.value(0), -call.tensor(1, "rhs"), "bias")
    elif _is_array(call, 0):
        turned = call.emit(Scalar("multiply", _MINUS), call.value(1), part="minus")
        _constant(call, turned, call.tensor(0, "lhs"), "bias")
    else:
        call.emit(Elementwise("sum", (1.0, _MINUS)), call.value(0), call.value(1))


def divide(call: Call) -> None:
    """First operand by the second, as a product with a reciprocal: within one rounding."""
    if _is_array(call, 1):
        with np.errstate(all="ignore"):
            inverse = (1.0 / call.tensor(1, "rhs").astype(np.float64)).astype(np.float32)
        if not np.all(np.isfinite(inverse)):
            raise call.error("a divisor without a finite reciprocal", "others")
        _constant(call, call.value(0), inverse, "scale")
        return
    turned = call.emit(Unary("reciprocal"), call.value(1), part="reciprocal")
    if _is_array(call, 0):
        _constant(call, turned, call.tensor(0, "lhs"), "scale")
    else:
        call.emit(Elementwise("product"), call.value(0), turned)


def _is_array(call: Call, place: int) -> bool:
    return place < len(call.operands) and not isinstance(call.operands[place], str)


def _combine(call: Call, kind: Literal["sum", "product"]) -> None:
    values = [operand for operand in call.operands if isinstance(operand, str)]
    arrays = [place for place in range(len(call.operands)) if _is_array(call, place)]
    if not values or len(call.operands) < 2 - (kind == "sum"):
        raise call.error(f"{len(values)} computed values", "at least one, of two operands")
    total = values[0]
    if len(values) > 1 or not arrays:
        part = "values" if arrays else ""
        total = call.emit(Elementwise(kind), *values, part=part)
    weight: Literal["bias", "scale"] = "bias" if kind == "sum" else "scale"
    for count, place in enumerate(arrays, 1):
        part = "" if count == len(arrays) else f"array{place}"
        total = _constant(call, total, call.tensor(place, f"arg{place}"), weight, part)


def _constant(
    call: Call, value: str, array: Tensor, weight: Literal["bias", "scale"], part: str = ""
) -> str:
    """Combine a value with one number, or one for each channel."""
    shape = call.assembly.shapes[value]
    if array.size == 1:
        number = float(array.reshape(-1)[0])
        kind: ScalarKind = "add" if weight == "bias" else "multiply"
        return call.emit(Scalar(kind, number), value, part=part)
    channels = shape[1] if len(shape) > 1 else 0
    padded = (1,) * (len(shape) - array.ndim) + array.shape
    if padded != (1, channels, *(1,) * (len(shape) - 2)):
        raise call.error(f"an array of shape {array.shape}", f"one number for each of {channels}")
    op = Scale(scale=weight == "scale", bias=weight == "bias")
    weights: dict[str, Tensor] = {weight: np.ascontiguousarray(array.reshape(-1))}
    return call.emit(op, value, weights=weights, part=part)


def _scalar(kind: ScalarKind) -> Lowering:
    def lowering(call: Call) -> None:
        call.emit(Scalar(kind, call.record.number("scalar", 1.0)))

    return lowering


def _unary(kind: Literal["abs", "exp", "log", "reciprocal", "sqrt"]) -> Lowering:
    def lowering(call: Call) -> None:
        call.emit(Unary(kind))

    return lowering


def _number(kind: ScalarKind, value: float) -> Lowering:
    def lowering(call: Call) -> None:
        call.emit(Scalar(kind, value))

    return lowering


def square(call: Call) -> None:
    """Product of the value with itself."""
    call.emit(Elementwise("product"), call.value(), call.value())


def _reduce(kind: Literal["sum", "mean", "max", "min"]) -> Lowering:
    def lowering(call: Call) -> None:
        record = call.record
        rank = len(call.shape())
        axes = {axis % rank for axis in record.integers("axis", (), low=-rank) if axis < rank}
        if len(axes) != len(record.integers("axis", (), low=-rank)):
            raise call.error(f"axis={record.text('axis', '')}", f"different axes below {rank}")
        if record.switch("exclude"):
            axes = set(range(rank)) - axes
        wanted = tuple(sorted(axes)) if record.has("axis") and axes else None
        if wanted is None and not record.switch("keepdims"):
            raise call.error("a reduction to one number", "axis=<tuple>")
        call.emit(Reduce(kind, wanted, keepdims=record.switch("keepdims")))

    return lowering


_ALIASES: Mapping[Lowering, tuple[str, ...]] = {
    add: (
        *("elemwise_add", "_plus", "_Plus", "_add", "broadcast_add", "broadcast_plus"),
        *("ElementWiseSum", "add_n", "_grad_add"),
    ),
    subtract: ("elemwise_sub", "_minus", "_Minus", "_sub", "broadcast_sub", "broadcast_minus"),
    multiply: ("elemwise_mul", "_mul", "_Mul", "broadcast_mul"),
    divide: ("elemwise_div", "_div", "_Div", "broadcast_div"),
    maximum: ("_maximum", "_Maximum", "broadcast_maximum"),
    minimum: ("_minimum", "_Minimum", "broadcast_minimum"),
    square: ("square",),
    _scalar("add"): ("_plus_scalar", "_PlusScalar"),
    _scalar("subtract"): ("_minus_scalar", "_MinusScalar"),
    _scalar("reverse_subtract"): ("_rminus_scalar", "_RMinusScalar"),
    _scalar("multiply"): ("_mul_scalar", "_MulScalar"),
    _scalar("divide"): ("_div_scalar", "_DivScalar"),
    _scalar("reverse_divide"): ("_rdiv_scalar", "_RDivScalar"),
    _scalar("power"): ("_power_scalar", "_PowerScalar"),
    _scalar("max"): ("_maximum_scalar", "_MaximumScalar"),
    _scalar("min"): ("_minimum_scalar", "_MinimumScalar"),
    _number("multiply", _MINUS): ("negative",),
    _number("power", -0.5): ("rsqrt",),
    _unary("abs"): ("abs",),
    _unary("exp"): ("exp",),
    _unary("log"): ("log",),
    _unary("sqrt"): ("sqrt",),
    _unary("reciprocal"): ("reciprocal",),
    _reduce("sum"): ("sum", "sum_axis"),
    _reduce("mean"): ("mean",),
    _reduce("max"): ("max", "max_axis"),
    _reduce("min"): ("min", "min_axis"),
}

LOWERINGS: Mapping[str, Lowering] = {
    name: lowering for lowering, names in _ALIASES.items() for name in names
}
