"""Normalisation and activations."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log

import numpy as np

from zqcnn_xp.formats.ncnn.broadcast import lifted
from zqcnn_xp.formats.ncnn.call import Call, Lowering
from zqcnn_xp.formats.ncnn.record import ABSENT
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]

# The smallest root that ncnn divides by.
_FLOOR = 1e-4


def batch_norm(call: Call) -> None:
    """``BatchNorm``: slope, mean, variance and bias; a root of 0 counts as 1e-4."""
    channels = call.record.integer(0, low=1)
    eps = call.record.number(1)
    names = ("scale", "mean", "variance", "bias")
    weights = {name: call.raw(name, channels) for name in names}
    zero = weights["variance"] + np.float32(eps) == 0
    if np.any(zero):
        floor = np.float32(_FLOOR * _FLOOR - eps)
        weights["variance"] = np.where(zero, floor, weights["variance"]).astype(np.float32)
    call.emit(BatchNorm(eps), weights=weights)


def scale(call: Call) -> None:
    """``Scale`` by weights, or by a second blob."""
    record = call.record
    count = record.integer(0)
    if count == ABSENT:
        if record.switch(1):
            raise call.error("a computed factor with a bias", "one without")
        factor = lifted(call, call.value(1), call.shape())
        call.emit(Elementwise("product"), call.value(), factor)
        return
    if count < 1:
        raise call.error(f"0={count}", f"a count, or {ABSENT}")
    weights = {"scale": call.raw("scale", count)}
    if record.switch(1):
        weights["bias"] = call.raw("bias", count)
    call.emit(Scale(bias="bias" in weights), weights=weights)


def bias(call: Call) -> None:
    """``Bias``."""
    weights = {"bias": call.raw("bias", call.record.integer(0, low=1))}
    call.emit(Scale(scale=False), weights=weights)


def prelu(call: Call) -> None:
    """``PReLU``: one slope, or one for each channel."""
    count = call.record.integer(0, low=1)
    call.emit(PReLU(count == 1), weights={"slope": call.raw("slope", count)})


def relu(call: Call) -> None:
    """``ReLU``, leaky where a slope is given."""
    slope = call.record.number(0)
    call.emit(Activation("leaky_relu", slope) if slope else Activation("relu"))


def clip(call: Call) -> None:
    """``Clip``."""
    low, high = call.record.number(0, -inf), call.record.number(1, inf)
    largest = float(np.finfo(np.float32).max)
    low, high = (-inf if low <= -largest else low), (inf if high >= largest else high)
    call.emit(Activation("clip", low=low, high=high))


def hard_sigmoid(call: Call) -> None:
    """``HardSigmoid``."""
    alpha, beta = call.record.number(0, 0.2), call.record.number(1, 0.5)
    call.emit(Activation("hard_sigmoid", alpha, beta=beta))


def hard_swish(call: Call) -> None:
    """``HardSwish``."""
    alpha, beta = call.record.number(0, 0.2), call.record.number(1, 0.5)
    call.emit(Activation("hard_swish", alpha, beta=beta))


def elu(call: Call) -> None:
    """``ELU``."""
    call.emit(Activation("elu", call.record.number(0, 0.1)))


def softmax(call: Call) -> None:
    """``Softmax``; files from before the meaning of its axis changed are refused, as by ncnn."""
    axis = call.record.integer(0)
    if axis and not call.record.switch(1):
        raise call.error(f"0={axis} without 1=1", "a file of a newer converter, with 1=1")
    call.emit(Softmax(call.axis(axis)))


def dropout(call: Call) -> None:
    """``Dropout``: a factor, 1 unless the file says otherwise."""
    factor = call.record.number(0, 1.0)
    call.emit(Identity() if factor == 1 else Scalar("multiply", factor))


def lrn(call: Call) -> None:
    """``LRN`` across channels or within one; an even window has its larger half before."""
    record = call.record
    size = record.integer(1, 5, low=1)
    region = record.integer(0)
    if region not in (0, 1):
        raise call.error(f"0={region}", "0 (across channels) or 1 (within one)")
    where = "within" if region else "across"
    alpha, beta = record.number(2, 1.0), record.number(3, 0.75)
    op = LRN(size, alpha, beta, record.number(4, 1.0), where, size // 2)  # type: ignore[arg-type]
    call.emit(op)


def normalize(call: Call) -> None:
    """``Normalize``: by the norm over channels, cells or both, times a factor.

    eps is added to the sum of squares (mode 0), bounds the norm (1) or the sum (2) from below.
    """
    record = call.record
    shape = call.map_shape()
    spatial, channels = record.switch(0), record.switch(4, True)
    shared, eps, mode = record.switch(1), record.number(2, 1e-4), record.integer(9)
    if mode not in (0, 1, 2) or not (spatial or channels):
        raise call.error(f"9={mode}, 0={int(spatial)}, 4={int(channels)}", "a norm over something")
    count = record.integer(3, low=1)
    if count != (1 if shared else shape[1]):
        raise call.error(f"3={count} factors", f"{1 if shared else shape[1]}")
    weights = {"scale": call.raw("scale", count)}
    if mode == 0 and channels:
        call.emit(L2Normalize(spatial, eps, shared), weights=weights)
        return
    axes = (1,) * channels + (2, 3) * spatial
    square = call.emit(Elementwise("product"), call.value(), call.value(), part="square")
    total = call.emit(Reduce("sum", axes), square, part="sum")
    if mode == 1:
        norm = call.emit(Unary("sqrt"), total, part="norm")
        inverse = call.emit(Scalar("max", eps), norm, part="bound")
        inverse = call.emit(Unary("reciprocal"), inverse, part="inverse")
    else:
        bounded = call.emit(Scalar("max" if mode else "add", eps), total, part="bound")
        inverse = call.emit(Scalar("power", -0.5), bounded, part="inverse")
    unit = call.emit(Elementwise("product"), call.value(), inverse, part="unit")
    if shared:
        call.emit(Scalar("multiply", float(weights["scale"][0])), unit)
    else:
        call.emit(Scale(bias=False), unit, weights=weights)


def power(call: Call) -> None:
    """``Power``: (shift + scale * x) ** power."""
    record = call.record
    exponent, factor, shift = record.number(0, 1.0), record.number(1, 1.0), record.number(2)
    scaled = call.emit(Scalar("multiply", factor), part="scaled")
    if exponent == 1:
        call.emit(Scalar("add", shift), scaled)
        return
    shifted = call.emit(Scalar("add", shift), scaled, part="shifted")
    call.emit(Scalar("power", exponent), shifted)


def exponential(call: Call) -> None:
    """``Exp``: base ** (shift + scale * x), base e unless given."""
    record = call.record
    base, factor, shift = record.number(0, -1.0), record.number(1, 1.0), record.number(2)
    if base != -1 and base <= 0:
        raise call.error(f"base {base}", "a positive one, or -1 for e")
    rate = 1.0 if base == -1 else log(base)
    scaled = call.emit(Scalar("multiply", factor * rate), part="scaled")
    call.emit(Unary("exp"), call.emit(Scalar("add", shift * rate), scaled, part="shifted"))


def logarithm(call: Call) -> None:
    """``Log``: log_base(shift + scale * x), base e unless given."""
    record = call.record
    base, factor, shift = record.number(0, -1.0), record.number(1, 1.0), record.number(2)
    if base != -1 and (base <= 0 or base == 1):
        raise call.error(f"base {base}", "a positive one, or -1 for e")
    scaled = call.emit(Scalar("multiply", factor), part="scaled")
    shifted = call.emit(Scalar("add", shift), scaled, part="shifted")
    if base == -1:
        call.emit(Unary("log"), shifted)
        return
    call.emit(Scalar("divide", log(base)), call.emit(Unary("log"), shifted, part="log"))


def _simple(op: Op) -> Lowering:
    def lowering(call: Call) -> None:
        call.emit(op)

    return lowering


LOWERINGS: Mapping[str, Lowering] = {
    "AbsVal": _simple(Unary("abs")),
    "BNLL": _simple(Activation("softplus")),
    "BatchNorm": batch_norm,
    "Bias": bias,
    "Clip": clip,
    "Dropout": dropout,
    "ELU": elu,
    "Exp": exponential,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LRN": lrn,
    "Log": logarithm,
    "Mish": _simple(Activation("mish")),
    "Normalize": normalize,
    "PReLU": prelu,
    "Power": power,
    "ReLU": relu,
    "Scale": scale,
    "Sigmoid": _simple(Activation("sigmoid")),
    "Softmax": softmax,
    "Softplus": _simple(Activation("softplus")),
    "Swish": _simple(Activation("swish")),
    "TanH": _simple(Activation("tanh")),
}
