"""Functions of one element, and arithmetic of two values or of a value and a constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite

from zqcnn_xp.formats.onnx import activations, arithmetic
from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.channels import along_channels
from zqcnn_xp.formats.onnx.functions import power, unary
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.openvino.attributes import boolean, choice, number
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.prelu import PReLU

__all__ = ["LOWERINGS", "one_number"]


def broadcasting(call: Call, inner: Callable[[Call], None]) -> None:
    """Lower arithmetic that broadcasts as NumPy does."""
    choice(call, "auto_broadcast", "numpy", ("numpy", "none"))
    if call.node.op_type == "Divide":
        boolean(call, "m_pythondiv", True)  # matters for integers alone
    inner(call)


def squared_difference(call: Call) -> None:
    """Lower SquaredDifference: (a - b)^2."""
    choice(call, "auto_broadcast", "numpy", ("numpy", "none"))
    values = [k for k in (0, 1) if isinstance(call.operand(k), Value)]
    first = call.value(values[0])
    if len(values) == 2:
        gap = call.emit(Elementwise("sum", (1.0, -1.0)), first, call.value(1))
    else:
        gap = along_channels(call, first, {"bias": -call.weight(1 - values[0])}, last=False)
    call.emit(Elementwise("product"), gap, gap, last=True)


def activation(call: Call, kind: str, **fixed: float) -> None:
    """Lower a function without attributes."""
    call.emit(call.make(Activation, kind, **fixed), call.value(0), last=True)


def elu(call: Call) -> None:
    """Lower Elu."""
    call.emit(Activation("elu", alpha=number(call, "alpha", 1.0)), call.value(0), last=True)


def clamp(call: Call) -> None:
    """Lower Clamp."""
    low, high = number(call, "min"), number(call, "max")
    if not low <= high:
        raise call.error(f"bounds {low} to {high}", "a lower one below an upper one")
    call.emit(Activation("clip", low=low, high=high), call.value(0), last=True)


def prelu(call: Call) -> None:
    """Lower PReLU: slopes in one list go along the channels, others broadcast."""
    x, slope = call.value(0), call.weight(1)
    if slope.size == 1:
        call.emit(PReLU(shared=True), x, weights={"slope": slope.reshape(1)}, last=True)
        return
    if slope.ndim == 1 and x.rank > 2:
        slope = slope.reshape(-1, *(1,) * (x.rank - 2))
    along_channels(call, x, {"slope": slope}, last=True)


def swish(call: Call) -> None:
    """Lower Swish: x * sigmoid(beta * x), beta 1 unless given."""
    beta = one_number(call, 1) if call.given(1) else 1.0
    if beta != 1.0:
        raise call.error(f"beta {beta}", "1")
    call.emit(Activation("swish"), call.value(0), last=True)


def hard_sigmoid(call: Call) -> None:
    """Lower HardSigmoid: alpha * x + beta, clipped to 0 and 1."""
    alpha, beta = one_number(call, 1), one_number(call, 2)
    call.emit(Activation("hard_sigmoid", alpha=alpha, beta=beta), call.value(0), last=True)


def one_number(call: Call, index: int) -> float:
    """Return a constant input of one finite number."""
    array = call.constant(index)
    value = float(array.reshape(-1)[0]) if array.size == 1 else float("nan")
    if not isfinite(value):
        raise call.error(f"input {index} of shape {array.shape}", "one finite number")
    return value


def convert(call: Call) -> None:
    """Lower Convert of a value: everything computed is float32."""
    choice(call, "destination_type", "f32", ("f32", "f16", "f64", "bf16"))
    call.emit(Identity(), call.value(0), last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Abs": partial(unary, kind="abs"),
    "Add": partial(broadcasting, inner=arithmetic.add),
    "Clamp": clamp,
    "Convert": convert,
    "Divide": partial(broadcasting, inner=arithmetic.div),
    "Elu": elu,
    "Exp": partial(unary, kind="exp"),
    "HSigmoid": partial(activation, kind="hard_sigmoid", alpha=1 / 6, beta=0.5),
    "HSwish": partial(activation, kind="hard_swish", alpha=1 / 6, beta=0.5),
    "HardSigmoid": hard_sigmoid,
    "Log": partial(unary, kind="log"),
    "Maximum": partial(broadcasting, inner=arithmetic.maximum),
    "Minimum": partial(broadcasting, inner=arithmetic.minimum),
    "Mish": partial(activation, kind="mish"),
    "Multiply": partial(broadcasting, inner=arithmetic.mul),
    "Negative": arithmetic.neg,
    "PReLU": prelu,
    "Power": partial(broadcasting, inner=power),
    "ReLU": activations.relu,
    "Sigmoid": activations.sigmoid,
    "SoftPlus": partial(activation, kind="softplus"),
    "Sqrt": partial(unary, kind="sqrt"),
    "SquaredDifference": squared_difference,
    "Subtract": partial(broadcasting, inner=arithmetic.sub),
    "Swish": swish,
    "Tanh": activations.tanh,
}
