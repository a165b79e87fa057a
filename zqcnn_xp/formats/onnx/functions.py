"""Functions of one element that are no activations: Exp, Sqrt, powers and their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS", "raise_to"]


def unary(call: Call, kind: str) -> None:
    """Lower a function of one input."""
    call.emit(call.make(Unary, kind), call.value(0), last=True)


def power(call: Call) -> None:
    """Lower Pow by one constant exponent; a square is a product, exactly."""
    if len(call.node.inputs) != 2:
        raise call.error(f"{len(call.node.inputs)} inputs", "2")
    x, exponents = call.value(0), call.constant(1)
    if exponents.size != 1 or exponents.ndim > x.rank:
        raise call.error(f"exponents of shape {exponents.shape}", "one number")
    exponent = float(exponents.reshape(-1)[0])
    raise_to(call, x, exponent)


def raise_to(call: Call, x: Value, exponent: float) -> None:
    """Give the result of ``x ** exponent``."""
    if exponent == 2.0:
        call.emit(Elementwise("product"), x, x, last=True)
    elif exponent == 0.5:
        call.emit(Unary("sqrt"), x, last=True)
    elif exponent == 1.0:
        call.emit(Identity(), x, last=True)
    else:
        call.emit(call.make(Scalar, "power", exponent), x, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Pow": power,
    **{
        op_type: partial(unary, kind=op_type.lower())
        for op_type in ("Abs", "Exp", "Log", "Reciprocal", "Sqrt")
    },
}
