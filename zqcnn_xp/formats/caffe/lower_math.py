"""Arithmetic: powers, exponentials, sums of several blobs, reductions."""

from __future__ import annotations

from math import exp, log
from typing import Literal

from zqcnn_xp.formats.caffe.call import Call
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.unary import Unary

__all__ = ["absolute", "axpy", "eltwise", "exponential", "logarithm", "power", "reduction"]


def absolute(call: Call) -> None:
    """``AbsVal``."""
    call.result(Unary("abs"))


def power(call: Call) -> None:
    """``Power``: (shift + scale * x) ** power."""
    param = call.param("power_param")
    _chain(
        call,
        *_affine(param.number("scale", 1.0), param.number("shift", 0.0)),
        *_unless(Scalar("power", param.number("power", 1.0)), 1.0),
    )


def exponential(call: Call) -> None:
    """``Exp``: base ** (shift + scale * x); a base of -1, the default, is e."""
    base, scale, shift = _base(call, "exp_param")
    # base ** (shift + scale x) = base ** shift * exp(scale ln(base) x), as Caffe computes it.
    try:
        outer = exp(shift * log(base)) if base != 1.0 else 1.0
    except OverflowError as error:
        raise call.error(f"base {base} to the power {shift}", "a finite number") from error
    inner = Scalar("multiply", scale * log(base))
    _chain(call, *_unless(inner, 1.0), Unary("exp"), *_unless(Scalar("multiply", outer), 1.0))


def logarithm(call: Call) -> None:
    """``Log``: the logarithm of shift + scale * x; a base of -1, the default, is e."""
    base, scale, shift = _base(call, "log_param")
    if base == 1.0:
        raise call.error("base: 1", "another positive base")
    factor = Scalar("multiply", 1.0 / log(base))
    _chain(call, *_affine(scale, shift), Unary("log"), *_unless(factor, 1.0))


def _base(call: Call, name: str) -> tuple[float, float, float]:
    param = call.param(name)
    base = param.number("base", -1.0)
    if base != -1.0 and base <= 0:
        raise call.error(f"base: {base}", "a positive base, or -1 for e")
    base = exp(1.0) if base == -1.0 else base
    return base, param.number("scale", 1.0), param.number("shift", 0.0)


def eltwise(call: Call) -> None:
    """``Eltwise``: sum (with ``coeff``), product or maximum of equal shapes."""
    param = call.param("eltwise_param")
    if any(shape != call.shape for shape in call.shapes):
        raise call.error(f"inputs of shapes {call.shapes}", "equal shapes")
    kinds: dict[str, Literal["sum", "product", "max"]] = {
        "SUM": "sum", "PROD": "product", "MAX": "max"
    }  # fmt: skip
    kind = kinds[param.choice("operation", {"PROD": 0, "SUM": 1, "MAX": 2}, "SUM")]
    coefficients = param.numbers("coeff")
    if coefficients and (kind != "sum" or len(coefficients) != len(call.inputs)):
        found = f"{len(coefficients)} coeff for a {kind} of {len(call.inputs)} inputs"
        raise call.error(found, "one for each input of a sum, or none")
    if all(factor == 1.0 for factor in coefficients):
        coefficients = ()
    call.result(Elementwise(kind, coefficients))


def axpy(call: Call) -> None:
    """``Axpy``: the first input (one number a channel) times the second, plus the third."""
    factor, x, y = call.inputs
    shapes = call.shapes
    if len(shapes[1]) != 4 or shapes[1] != shapes[2] or shapes[0][:2] != shapes[1][:2]:
        raise call.error(f"inputs of shapes {shapes}", "(N, C), and twice (N, C, H, W)")
    if len(shapes[0]) != 4:
        factor = call.step(Reshape((0, 0, 1, 1)), factor, part="factor")
    product = call.step(Elementwise("product"), x, factor, part="product")
    call.result(Elementwise("sum"), product, y)


def reduction(call: Call) -> None:
    """``Reduction`` of all axes from ``axis`` on: SUM, ASUM, SUMSQ or MEAN, times ``coeff``."""
    param = call.param("reduction_param")
    axis = call.axis(param.integer("axis", 0))
    kinds = {"SUM": 1, "ASUM": 2, "SUMSQ": 3, "MEAN": 4}
    operation = param.choice("operation", kinds, "SUM")
    axes = tuple(range(axis, len(call.shape)))
    value = call.inputs[0]
    if operation == "ASUM":
        value = call.step(Unary("abs"), part="abs")
    elif operation == "SUMSQ":
        value = call.step(Elementwise("product"), value, value, part="square")
    fold = Reduce("mean" if operation == "MEAN" else "sum", axes, keepdims=False)
    coefficient = param.number("coeff", 1.0)
    if coefficient == 1.0:
        call.result(fold, value)
        return
    value = call.step(fold, value, part="total")
    call.result(Scalar("multiply", coefficient), value)


def _affine(scale: float, shift: float) -> tuple[Scalar, ...]:
    return (*_unless(Scalar("multiply", scale), 1.0), *_unless(Scalar("add", shift), 0.0))


def _unless(op: Scalar, neutral: float) -> tuple[Scalar, ...]:
    return () if op.value == neutral else (op,)


def _chain(call: Call, *ops: Op) -> None:
    """Apply ops one after the other."""
    value = call.inputs[0]
    for place, op in enumerate(ops[:-1]):
        value = call.step(op, value, part=str(place))
    call.result(ops[-1] if ops else Identity(), value)
