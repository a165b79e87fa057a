"""Layers that keep the shape: normalisation, scales, activations."""

from __future__ import annotations

from math import prod

import numpy as np

from zqcnn_xp.formats.caffe.call import Call
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = [
    "batch_norm",
    "bias",
    "clip",
    "dropout",
    "elu",
    "lrn",
    "mvn",
    "normalize",
    "prelu",
    "relu",
    "relu6",
    "scale",
    "sigmoid",
    "softmax",
    "softplus",
    "swish",
    "tanh",
]


def batch_norm(call: Call) -> None:
    """``BatchNorm``: sums of means and variances, and by what they are divided.

    A third blob of 0 (a net that was never trained) means that both are 0.
    """
    param = call.param("batch_norm_param")
    if not param.switch("use_global_stats", True):
        raise call.error("use_global_stats: false (statistics of each batch)", "true, or none")
    eps = param.number("eps", 1e-5)
    if eps < 0:
        raise call.error(f"eps: {eps}", "a number of at least 0")
    channels = call.shape[1] if len(call.shape) > 1 else 1
    call.expect(3)
    total = call.take(2, "scale factor", (1,))
    with np.errstate(all="ignore"):
        factor = np.float32(0) if total[0] == 0 else np.float32(1) / total[0]
        weights = {
            "mean": call.take(0, "mean", (channels,)) * factor,
            "variance": call.take(1, "variance", (channels,)) * factor,
        }
    call.result(BatchNorm(eps, scale=False, bias=False), weights=weights)


def scale(call: Call) -> None:
    """``Scale`` by a blob, or by a second bottom that is stretched from ``axis`` on."""
    param = call.param("scale_param")
    if len(call.inputs) == 1:
        offset = param.switch("bias_term", False)
        call.expect(1 + offset)
        weights = {"scale": _per_channel(call, 0, "scale")}
        if offset:
            weights["bias"] = _per_channel(call, 1, "bias")
        call.result(Scale(scale=True, bias=offset), weights=weights)
        return
    factor = _stretched(call, param.integer("axis", 1))
    if not param.switch("bias_term", False):
        call.expect(0)
        call.result(Elementwise("product"), call.inputs[0], factor)
        return
    call.expect(1)
    product = call.step(Elementwise("product"), call.inputs[0], factor, part="product")
    weights = {"bias": _per_channel(call, 0, "bias", len(call.shapes[1]))}
    call.result(Scale(scale=False, bias=True), product, weights=weights)


def bias(call: Call) -> None:
    """``Bias`` by a blob, or by a second bottom that is stretched from ``axis`` on."""
    if len(call.inputs) == 1:
        call.expect(1)
        weights = {"bias": _per_channel(call, 0, "bias")}
        call.result(Scale(scale=False, bias=True), weights=weights)
        return
    call.expect(0)
    offset = _stretched(call, call.param("bias_param").integer("axis", 1))
    call.result(Elementwise("sum"), call.inputs[0], offset)


def _per_channel(
    call: Call, index: int, role: str, covered: int | None = None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the blob of a scale or bias as one number a channel."""
    param = call.param("bias_param" if call.layer.kind == "Bias" else "scale_param")
    axis = call.axis(param.integer("axis", 1))
    count = param.integer("num_axes", 1, -1) if covered is None else covered
    span = call.shape[axis:] if count < 0 else call.shape[axis : axis + count]
    if count > len(call.shape) - axis:
        raise call.error(f"num_axes: {count} from axis {axis} of {call.shape}", "fewer axes")
    if len(call.shape) < 2:
        raise call.error(f"an input of shape {call.shape}", "a channel axis 1")
    channels = call.shape[1]
    if count == 0:
        return np.repeat(call.take(index, role, (1,)), channels)
    if axis != 1 or prod(span) != channels:
        found = f"a {role} of {prod(span):,} numbers for the axes from {axis} of {call.shape}"
        raise call.error(found, f"one for each of the {channels} channels (axis 1)")
    if len(span) > 1:
        call.fix_size()
    return call.take(index, role, span).reshape(channels)


def _stretched(call: Call, axis: int) -> str:
    """Return the second input with axes of size 1 around its own."""
    shape, given = call.shapes[0], call.shapes[1]
    first = 0 if not given else call.axis(axis)
    rest = len(shape) - first - len(given)
    if rest < 0 or shape[first : first + len(given)] != given:
        found = f"a second input of shape {given} for {shape} from axis {first} on"
        raise call.error(found, "the sizes of the first input from that axis on")
    if len(given) == len(shape):
        return call.inputs[1]
    kept = given if first else (0,) * len(given)
    dims = (1,) * first + kept + (1,) * rest
    return call.step(Reshape(dims), call.inputs[1], part="stretched")


def prelu(call: Call) -> None:
    """``PReLU``: a slope for each channel, or one for all."""
    shared = call.param("prelu_param").switch("channel_shared", False)
    if len(call.shape) < 2:
        raise call.error(f"an input of shape {call.shape}", "a channel axis 1")
    call.expect(1)
    slope = call.take(0, "slope", (1 if shared else call.shape[1],))
    call.result(PReLU(shared), weights={"slope": slope})


def relu(call: Call) -> None:
    """``ReLU``, leaky where ``negative_slope`` is not 0."""
    slope = call.param("relu_param").number("negative_slope", 0.0)
    call.result(Activation("leaky_relu", alpha=slope) if slope else Activation("relu"))


def relu6(call: Call) -> None:
    """``ReLU6``: 0 to 6."""
    call.result(Activation("clip", low=0.0, high=6.0))


def clip(call: Call) -> None:
    """``Clip`` to ``min`` and ``max``."""
    param = call.param("clip_param")
    if not (param.has("min") and param.has("max")):
        raise call.error("no min or max", "clip_param { min: <number> max: <number> }")
    call.result(Activation("clip", low=param.number("min", 0.0), high=param.number("max", 0.0)))


def sigmoid(call: Call) -> None:
    """``Sigmoid``."""
    call.result(Activation("sigmoid"))


def tanh(call: Call) -> None:
    """``TanH``."""
    call.result(Activation("tanh"))


def softplus(call: Call) -> None:
    """``BNLL``: log(1 + exp(x))."""
    call.result(Activation("softplus"))


def elu(call: Call) -> None:
    """``ELU`` with ``alpha``, 1 by default."""
    call.result(Activation("elu", alpha=call.param("elu_param").number("alpha", 1.0)))


def swish(call: Call) -> None:
    """``Swish``: x * sigmoid(beta * x)."""
    beta = call.param("swish_param").number("beta", 1.0)
    if beta == 1.0:
        call.result(Activation("swish"))
        return
    scaled = call.step(Scalar("multiply", beta), part="scaled")
    gate = call.step(Activation("sigmoid"), scaled, part="gate")
    call.result(Elementwise("product"), call.inputs[0], gate)


def dropout(call: Call) -> None:
    """``Dropout``: nothing, unless training left its factor to the test (``scale_train``)."""
    param = call.param("dropout_param")
    if param.switch("scale_train", True):
        call.result(Identity())
        return
    call.result(Scalar("multiply", 1.0 - param.number("dropout_ratio", 0.5)))


def softmax(call: Call) -> None:
    """``Softmax`` over ``axis``, channels by default."""
    call.result(Softmax(call.axis(call.param("softmax_param").integer("axis", 1))))


def lrn(call: Call) -> None:
    """``LRN`` across channels or within one; within, ``k`` counts as 1 whatever the file says."""
    param = call.param("lrn_param")
    size = param.integer("local_size", 5, 1)
    if size % 2 == 0:
        raise call.error(f"local_size: {size}", "an odd number")
    regions = {"ACROSS_CHANNELS": 0, "WITHIN_CHANNEL": 1}
    within = param.choice("norm_region", regions, "ACROSS_CHANNELS") == "WITHIN_CHANNEL"
    call.result(
        LRN(
            size,
            param.number("alpha", 1.0),
            param.number("beta", 0.75),
            1.0 if within else param.number("k", 1.0),
            "within" if within else "across",
        )
    )


def mvn(call: Call) -> None:
    """``MVN``: less the mean, by the deviation plus ``eps``, of each map or of each sample."""
    param = call.param("mvn_param")
    call.need_rank(4)
    across = param.switch("across_channels", False)
    axes = (1, 2, 3) if across else (2, 3)
    mean = call.step(Reduce("mean", axes), part="mean")
    difference = Elementwise("sum", (1.0, -1.0))
    if not param.switch("normalize_variance", True):
        call.result(difference, call.inputs[0], mean)
        return
    centred = call.step(difference, call.inputs[0], mean, part="centred")
    square = call.step(Elementwise("product"), centred, centred, part="square")
    variance = call.step(Reduce("mean", axes), square, part="variance")
    deviation = call.step(Unary("sqrt"), variance, part="deviation")
    safe = call.step(Scalar("add", param.number("eps", 1e-9)), deviation, part="safe")
    factor = call.step(Unary("reciprocal"), safe, part="factor")
    call.result(Elementwise("product"), centred, factor)


def normalize(call: Call) -> None:
    """``Normalize``: by the L2 norm, times a factor for each channel or one for all."""
    param = call.param("norm_param")
    across, shared = param.switch("across_spatial", True), param.switch("channel_shared", True)
    call.need_rank(4)
    call.expect(1)
    weights = {"scale": call.take(0, "scale", (1 if shared else call.shape[1],))}
    call.result(L2Normalize(across, param.number("eps", 1e-10), shared), weights=weights)
