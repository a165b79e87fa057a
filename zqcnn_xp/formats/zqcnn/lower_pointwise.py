"""Layers that keep the shape: normalisation, activations, softmax, sums, identities."""

from __future__ import annotations

from typing import Literal

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax

__all__ = [
    "add_bias",
    "batch_norm",
    "batch_norm_scale",
    "eltwise",
    "identity",
    "lrn",
    "normalize",
    "prelu",
    "relu",
    "relu6",
    "scale",
    "softmax",
]

_COMPAT_EPS = 1e-10


def batch_norm_scale(
    record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool
) -> Lowered:
    """``BatchNormScale``: mean, variance, scale and, with ``bias``, bias; eps defaults to 0."""
    op = BatchNorm(_eps(record, 0.0), scale=True, bias=record.switch("bias"))
    return op, {name: take(name, shape) for name, shape in op.weights(*shapes).items()}


def batch_norm(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``BatchNorm``: mean and variance."""
    op = BatchNorm(_eps(record, 0.0), scale=False, bias=False)
    return op, {name: take(name, shape) for name, shape in op.weights(*shapes).items()}


def scale(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Scale``: a factor for each channel and, with ``bias``, an offset."""
    op = Scale(scale=True, bias=record.switch("bias"))
    return op, {name: take(name, shape) for name, shape in op.weights(*shapes).items()}


def add_bias(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``AddBias``: an offset for each channel."""
    return Scale(scale=False, bias=True), {"bias": take("bias", (shapes[0][1],))}


def prelu(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``PReLU``: a slope for each channel."""
    return PReLU(), {"slope": take("slope", (shapes[0][1],))}


def relu(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``ReLU``, leaky where ``slope`` is not 0."""
    slope = record.number("slope", 0.0)
    return (Activation("leaky_relu", alpha=slope) if slope else Activation("relu")), {}


def relu6(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``ReLU6``: clipped to 0 ... 6; its ``slope`` has never had an effect."""
    return Activation("clip", low=0.0, high=6.0), {}


def softmax(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Softmax`` over one axis, channels by default; axis 0 does nothing in ``compat``."""
    axis = record.integer("axis", 1)
    return (Identity() if compat and axis == 0 else Softmax(axis)), {}


def eltwise(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Eltwise``: sum (weighted by ``weight``), product or maximum of equal shapes."""
    if any(shape != shapes[0] for shape in shapes):
        raise record.error(f"bottoms of shapes {', '.join(map(str, shapes))}", "equal shapes")
    kind = _operation(record)
    weights = record.numbers("weight")
    if weights and (kind != "sum" or len(weights) != len(shapes)):
        found = f"{len(weights)} weight= for a {kind} of {len(shapes)} bottoms"
        raise record.error(found, "one weight= for each bottom of a sum, or none")
    return Elementwise(kind, coefficients=weights), {}


def normalize(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Normalize``: divide by the L2 norm, times a factor for each channel.

    The original ignores the file's ``eps`` and takes ``channel_shared`` for ``across_spatial``;
    ``compat`` does the same.
    """
    across, shared = record.has("across_spatial"), record.has("channel_shared")
    eps = _eps(record, _COMPAT_EPS)
    if compat:
        across, shared, eps = across or shared, False, _COMPAT_EPS
    op = L2Normalize(across, eps, shared)
    return op, {"scale": take("scale", op.weights(*shapes)["scale"], cut=False)}


def lrn(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``LRN`` across channels; an even window has its odd channel in front."""
    kind = record.integer("operation")
    if kind:
        raise record.error(f"operation={kind}", "operation=0 (across channels)")
    size = record.integer("local_size", low=1)
    alpha, beta = record.number("alpha"), record.number("beta")
    return LRN(size, alpha, beta, record.number("k", 1.0), before=size // 2), {}


def identity(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Dropout``, ``Copy``, ``Squeeze`` (shapes are always four-dimensional): no change."""
    return Identity(), {}


def _eps(record: Record, default: float) -> float:
    eps = record.number("eps", default)
    if eps < 0:
        raise record.error(f"eps={eps}", "a number of at least 0")
    return eps


def _operation(record: Record) -> Literal["sum", "product", "max"]:
    word = record.text("operation").upper()
    if word in ("SUM", "ADD", "PLUS", "1"):
        return "sum"
    if word in ("PROD", "MUL", "0"):
        return "product"
    if word in ("MAX", "2"):
        return "max"
    raise record.error(f"operation={word}", "operation=SUM, PROD or MAX")
