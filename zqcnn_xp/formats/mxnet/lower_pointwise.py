"""Normalisation, activations, and what passes its input on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zqcnn_xp.formats.mxnet.call import Call, Lowering
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
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOSSES", "LOWERINGS"]


def batch_norm(call: Call) -> None:
    """``BatchNorm``: ``fix_gamma``, on by default, counts gamma as 1 whatever the file holds."""
    record = call.record
    shape = call.shape()
    axis = record.integer("axis", 1, low=-16)
    if axis % len(shape) != 1 or len(shape) < 2:
        raise call.error(f"axis={axis} over shape {shape}", "axis=1")
    channels = (shape[1],)
    gamma = call.tensor(1, "gamma", channels)
    weights = {
        "mean": call.tensor(3, "moving_mean", channels),
        "variance": call.tensor(4, "moving_var", channels),
        "bias": call.tensor(2, "beta", channels),
    }
    scaled = not record.switch("fix_gamma", True)
    if scaled:
        weights["scale"] = gamma
    call.emit(BatchNorm(record.number("eps", 1e-3), scale=scaled), weights=weights)


def activation(call: Call) -> None:
    """``Activation``."""
    ops: dict[str, Op] = {
        "relu": Activation("relu"),
        "sigmoid": Activation("sigmoid"),
        "tanh": Activation("tanh"),
        "softrelu": Activation("softplus"),
        "mish": Activation("mish"),
    }
    call.emit(ops[call.record.choice("act_type", None, tuple(ops))])


def leaky_relu(call: Call) -> None:
    """``LeakyReLU``: its kinds; ``rrelu`` takes the middle of its range, as in inference."""
    record = call.record
    kind = record.choice("act_type", "leaky", ("leaky", "prelu", "elu", "rrelu"))
    if kind == "prelu":
        channels = call.shape()[1] if len(call.shape()) > 1 else 0
        slope = call.tensor(1, "gamma")
        if slope.shape not in ((channels,), (1,)):
            raise call.error(f"gamma of shape {slope.shape}", f"({channels},) or (1,)")
        shared = slope.shape != (channels,)
        call.emit(PReLU(shared), weights={"slope": slope})
    elif kind == "elu":
        call.emit(Activation("elu", record.number("slope", 0.25)))
    elif kind == "rrelu":
        low, high = record.number("lower_bound", 0.125), record.number("upper_bound", 0.334)
        call.emit(Activation("leaky_relu", (low + high) / 2))
    else:
        call.emit(Activation("leaky_relu", record.number("slope", 0.25)))


def clip(call: Call) -> None:
    """``clip``."""
    low, high = call.record.number("a_min"), call.record.number("a_max")
    call.emit(Activation("clip", low=low, high=high))


def hard_sigmoid(call: Call) -> None:
    """``hard_sigmoid``."""
    alpha, beta = call.record.number("alpha", 0.2), call.record.number("beta", 0.5)
    call.emit(Activation("hard_sigmoid", alpha, beta=beta))


def l2_normalization(call: Call) -> None:
    """``L2Normalization``: over a sample, over the channels of a pixel, or over a channel."""
    record = call.record
    mode = record.choice("mode", "instance", ("instance", "channel", "spatial"))
    eps = record.number("eps", 1e-10)
    shape = call.shape()
    one = {"scale": np.ones((1,), np.float32)}
    if mode != "spatial" and len(shape) == 4:
        call.emit(L2Normalize(mode == "instance", eps, shared=True), weights=one)
        return
    first = 2 if mode == "spatial" else 1
    last = first + 1 if mode == "channel" else len(shape)
    if first >= len(shape):
        raise call.error(f"mode={mode} over shape {shape}", "more axes")
    square = call.emit(Elementwise("product"), call.value(), call.value(), part="square")
    total = call.emit(Reduce("sum", tuple(range(first, last))), square, part="sum")
    floored = call.emit(Scalar("add", eps), total, part="eps")
    unit = call.emit(Scalar("power", -0.5), floored, part="unit")
    call.emit(Elementwise("product"), call.value(), unit)


def lrn(call: Call) -> None:
    """``LRN`` across channels."""
    record = call.record
    size = record.integer("nsize", low=1)
    alpha, beta = record.number("alpha", 1e-4), record.number("beta", 0.75)
    call.emit(LRN(size, alpha, beta, record.number("knorm", 2.0)))


def softmax(call: Call) -> None:
    """``softmax`` along an axis, the last by default."""
    axis = call.record.integer("axis", -1, low=-16)
    temperature = call.record.number("temperature", 1.0)
    value = call.value()
    if temperature != 1.0:
        value = call.emit(Scalar("divide", temperature), part="scaled")
    call.emit(Softmax(_positive(call, axis)), value)


def log_softmax(call: Call) -> None:
    """``log_softmax``: the logarithm of a softmax."""
    axis = _positive(call, call.record.integer("axis", -1, low=-16))
    call.emit(Unary("log"), call.emit(Softmax(axis), part="softmax"))


def softmax_activation(call: Call) -> None:
    """``SoftmaxActivation``: over channels, which is all there is in a vector."""
    record = call.record
    record.choice("mode", "instance", ("instance", "channel"))
    if record.text("mode", "instance") == "instance" and len(call.shape()) != 2:
        raise call.error(f"mode=instance over shape {call.shape()}", "two dimensions")
    call.emit(Softmax(1))


def softmax_output(call: Call) -> None:
    """``SoftmaxOutput``: a softmax; its label and gradient belong to training."""
    record = call.record
    shape = call.shape()
    if record.switch("preserve_shape"):
        call.emit(Softmax(len(shape) - 1))
    elif record.switch("multi_output") or len(shape) == 2 or shape[2:] == (1, 1):
        call.emit(Softmax(1))
    else:
        found = f"a softmax over all {shape[1:]} cells of a sample"
        raise call.error(found, "multi_output or preserve_shape")


def identity(call: Call) -> None:
    """Pass the input on: Dropout, losses and gradient stops do nothing in inference."""
    call.emit(Identity())


def _positive(call: Call, axis: int) -> int:
    rank = len(call.shape())
    if not -rank <= axis < rank:
        raise call.error(f"axis={axis} over shape {call.shape()}", "an axis of it")
    return axis % rank


def _simple(op: Op) -> Lowering:
    def lowering(call: Call) -> None:
        call.emit(op)

    return lowering


LOSSES: Mapping[str, Lowering] = {
    "IdentityAttachKLSparseReg": identity,
    "LinearRegressionOutput": identity,
    "LogisticRegressionOutput": _simple(Activation("sigmoid")),
    "MAERegressionOutput": identity,
    "MakeLoss": identity,
    "SVMOutput": identity,
    "Softmax": softmax_output,  # its name up to MXNet 0.5
    "SoftmaxOutput": softmax_output,
    "make_loss": identity,
}
"""Training heads, whose first input alone matters."""

LOWERINGS: Mapping[str, Lowering] = {
    "Activation": activation,
    "BatchNorm": batch_norm,
    "BatchNorm_v1": batch_norm,
    "BlockGrad": identity,
    "CuDNNBatchNorm": batch_norm,
    "Dropout": identity,
    "L2Normalization": l2_normalization,
    "LRN": lrn,
    "LeakyReLU": leaky_relu,
    "SoftmaxActivation": softmax_activation,
    "_copy": identity,
    "_identity": identity,
    "clip": clip,
    "hard_sigmoid": hard_sigmoid,
    "identity": identity,
    "log_softmax": log_softmax,
    "relu": _simple(Activation("relu")),
    "sigmoid": _simple(Activation("sigmoid")),
    "softmax": softmax,
    "stop_gradient": identity,
    "tanh": _simple(Activation("tanh")),
    "softrelu": _simple(Activation("softplus")),
}
