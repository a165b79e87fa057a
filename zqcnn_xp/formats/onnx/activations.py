"""Functions of one element, PRelu, and Softmax with the rule of its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, prod

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.channels import along_channels
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.softmax import Softmax

__all__ = ["LOWERINGS"]


def relu(call: Call) -> None:
    """Lower Relu."""
    call.emit(Activation("relu"), call.value(0), last=True)


def sigmoid(call: Call) -> None:
    """Lower Sigmoid."""
    call.emit(Activation("sigmoid"), call.value(0), last=True)


def tanh(call: Call) -> None:
    """Lower Tanh."""
    call.emit(Activation("tanh"), call.value(0), last=True)


def leaky_relu(call: Call) -> None:
    """Lower LeakyRelu."""
    alpha = call.attribute("alpha", "float", 0.01)
    call.emit(Activation("leaky_relu", alpha=alpha), call.value(0), last=True)


def elu(call: Call) -> None:
    """Lower Elu."""
    alpha = call.attribute("alpha", "float", 1.0)
    call.emit(Activation("elu", alpha=alpha), call.value(0), last=True)


def softplus(call: Call) -> None:
    """Lower Softplus."""
    call.emit(Activation("softplus"), call.value(0), last=True)


def mish(call: Call) -> None:
    """Lower Mish."""
    call.emit(Activation("mish"), call.value(0), last=True)


def hard_sigmoid(call: Call) -> None:
    """Lower HardSigmoid: max(0, min(1, alpha * x + beta))."""
    alpha = call.attribute("alpha", "float", 0.2)
    beta = call.attribute("beta", "float", 0.5)
    call.emit(Activation("hard_sigmoid", alpha=alpha, beta=beta), call.value(0), last=True)


def hard_swish(call: Call) -> None:
    """Lower HardSwish: x * HardSigmoid(x) with alpha 1/6 and beta 1/2."""
    call.emit(Activation("hard_swish", alpha=1 / 6, beta=0.5), call.value(0), last=True)


def clip(call: Call) -> None:
    """Lower Clip: bounds as attributes before opset 11, as inputs since; either may be left out."""
    if call.opset < 11:
        # The defaults are the ends of float32, which no finite value passes.
        low = call.attribute("min", "float", -inf)
        high = call.attribute("max", "float", inf)
    else:
        low, high = _bound(call, 1, -inf), _bound(call, 2, inf)
    if low == -inf and high == inf:
        call.emit(Identity(), call.value(0), last=True)
        return
    if not low <= high:
        raise call.error(f"bounds {low} to {high}", "a lower one below an upper one")
    call.emit(Activation("clip", low=low, high=high), call.value(0), last=True)


def _bound(call: Call, index: int, default: float) -> float:
    if not call.given(index):
        return default
    bound = call.weight(index)
    if bound.size != 1:
        raise call.error(f"bound of shape {bound.shape}", "one number")
    return float(bound.reshape(-1)[0])


def prelu(call: Call) -> None:
    """Lower PRelu: a slope of one element, one per channel, or one for each feature."""
    x, slope = call.value(0), call.weight(1)
    if slope.size == 1:
        call.emit(PReLU(shared=True), x, weights={"slope": slope.reshape(1)}, last=True)
        return
    channels = x.size(1) if x.rank > 2 else None
    if slope.ndim == 1 and slope.size == channels and slope.size != x.size(-1):
        # Against the letter of the standard, but what exporters of channel slopes mean.
        slope = slope.reshape(-1, *(1,) * (x.rank - 2))
    along_channels(call, x, {"slope": slope}, last=True)


def softmax(call: Call) -> None:
    """Lower Softmax: along one axis since opset 13; before, over all axes from it on."""
    x = call.value(0)
    if call.opset >= 13:
        axis = call.axis(call.attribute("axis", "int", -1), x.rank)
        call.emit(Softmax(axis), x, last=True)
        return
    axis = call.axis(call.attribute("axis", "int", 1), x.rank)
    long = [k for k in range(axis, x.rank) if x.size(k) != 1]
    if len(long) < 2:
        # Sizes of 1 beside the one axis change nothing.
        call.emit(Softmax(long[0] if long else axis), x, last=True)
        return
    flat = tuple(_merged(shape, axis) for shape in x.shapes)
    matrix = call.reshape(x, flat)
    soft = call.emit(Softmax(matrix.rank - 1), matrix)
    call.reshape(soft, x.shapes, last=True)


def _merged(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Merge the axes from ``axis`` on; those before it need no merging."""
    return (*shape[:axis], prod(shape[axis:]))


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Clip": clip,
    "Elu": elu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LeakyRelu": leaky_relu,
    "Mish": mish,
    "PRelu": prelu,
    "Relu": relu,
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Softplus": softplus,
    "Tanh": tanh,
}
