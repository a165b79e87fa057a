"""Layers with a sliding window: Convolution, DepthwiseConvolution, Pooling; and InnerProduct."""

from __future__ import annotations

from typing import Literal

import numpy as np

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.window import Pads, extent

__all__ = [
    "convolution",
    "depthwise",
    "explicit_pads",
    "floor_same",
    "inner_product",
    "pad_type",
    "pair",
    "pooling",
]

_SIDES = {
    "pad": (0, 1, 2, 3),
    "pad_h": (0, 1),
    "pad_w": (2, 3),
    "pad_h_top": (0,),
    "pad_h_bottom": (1,),
    "pad_w_left": (2,),
    "pad_w_right": (3,),
}
# An untrained reader's default, counted (and nothing else) for a global pooling.
_GLOBAL_COUNT = (3, 3)


def convolution(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Convolution``: weights [O][C][kH][kW], then the bias."""
    (shape,) = shapes
    op = _conv(record, shape, compat, record.integer("num_output", low=1), groups=1)
    weight = take("weight", (op.out_channels, shape[1], *op.kernel))
    found = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if op.bias:
        found["bias"] = take("bias", (op.out_channels,))
    return op, found


def depthwise(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``DepthwiseConvolution``: weights [C][kH][kW], then the bias; no channel multiplier."""
    (shape,) = shapes
    channels = record.integer("num_output", low=1)
    if channels != shape[1]:
        raise record.error(
            f"num_output={channels} over {shape[1]} channels", f"num_output={shape[1]}"
        )
    op = _conv(record, shape, compat, channels, groups=channels)
    weight = take("weight", (channels, *op.kernel))
    found = {"weight": np.ascontiguousarray(weight.transpose(1, 2, 0)[:, :, None, :])}
    if op.bias:
        found["bias"] = take("bias", (channels,))
    return op, found


def inner_product(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``InnerProduct``: weights [O][C][H][W] over the whole declared map, then the bias."""
    (shape,) = shapes
    op = Dense(record.integer("num_output", low=1), bias=record.switch("bias"))
    weight = take("weight", (op.out_features, *shape[1:]))
    found = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if op.bias:
        found["bias"] = take("bias", (op.out_features,))
    return op, found


def pooling(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Pooling``: the number of windows is rounded up, an average counts explicit padding.

    The default keeps zeros of the padding out of a maximum, and drops a last window that would
    start behind the map; ``compat`` does neither. ``pad_type`` is TensorFlow's: SAME and VALID
    windows as TensorFlow counts them by default, the rounded-up rule in ``compat``.
    """
    (shape,) = shapes
    kind = _pool_kind(record)
    if _flag(record, "global_pool"):
        counted = _GLOBAL_COUNT if compat else None
        if compat and record.has("kernel_size", "kernel_h", "kernel_w"):
            counted = pair(record, "kernel_size", "kernel_h", "kernel_w", 3)
        return Pool2D(kind, None, counted=counted), {}
    kernel = pair(record, "kernel_size", "kernel_h", "kernel_w")
    stride = pair(record, "stride", "stride_h", "stride_w")
    pads, rule = _pads(record, shape, kernel, stride, compat)
    if compat:
        return Pool2D(kind, kernel, stride, pads, ceil=True, pad_value="zero"), {}
    if rule is not None:
        return Pool2D(kind, kernel, stride, pads, count="valid"), {}
    return Pool2D(kind, kernel, stride, pads, ceil=True, clip_last=True), {}


def floor_same(cells: int, span: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after that ZQCNN computes for ``pad_type=SAME``.

    It rounds the number of outputs down where TensorFlow rounds up; the two agree where the
    stride divides the size.

    Examples
    --------
    >>> floor_same(112, 3, 2), floor_same(7, 3, 2)
    ((0, 1), (0, 0))
    """
    total = max((cells // stride - 1) * stride + span - cells, 0)
    return total // 2, total - total // 2


def _conv(record: Record, shape: Shape, compat: bool, channels: int, groups: int) -> Conv2D:
    kernel = pair(record, "kernel_size", "kernel_h", "kernel_w")
    stride = pair(record, "stride", "stride_h", "stride_w", 1)
    dilation = pair(record, "dilate", "dilate_h", "dilate_w", 1)
    spans = (extent(kernel[0], dilation[0]), extent(kernel[1], dilation[1]))
    pads, _ = _pads(record, shape, spans, stride, compat)
    return Conv2D(
        channels, kernel, stride, dilation, pads, groups=groups, bias=record.switch("bias")
    )


def pair(
    record: Record, both: str, first: str, second: str, default: int | None = None
) -> tuple[int, int]:
    """Return (height, width); a later token overrides an earlier one."""
    height, width = default, default
    for key, value in record.fields:
        if key in (both, first):
            height = record.as_integer(key, value, low=1)
        if key in (both, second):
            width = record.as_integer(key, value, low=1)
    if height is None or width is None:
        missing = first if height is None else second
        raise record.error(
            f"{record.kind} without {missing!r}", f"{both}=<n>, or {first} and {second}"
        )
    return height, width


def explicit_pads(record: Record) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) as the keys say; a later token overrides an earlier."""
    sides = [0, 0, 0, 0]
    for key, value in record.fields:
        for side in _SIDES.get(key, ()):
            sides[side] = record.as_integer(key, value)
    return sides[0], sides[1], sides[2], sides[3]


def pad_type(record: Record) -> str | None:
    """Return ``"SAME"``, ``"VALID"``, or None where the key is absent."""
    if not record.has("pad_type"):
        return None
    rule = record.text("pad_type").upper()
    if rule not in ("SAME", "VALID"):
        raise record.error(f"pad_type={rule}", "pad_type=SAME or pad_type=VALID")
    return rule


def _pads(
    record: Record, shape: Shape, spans: tuple[int, int], stride: tuple[int, int], compat: bool
) -> tuple[Pads, str | None]:
    """Return the padding, and the ``pad_type`` where there is one (it overrides the pads)."""
    rule = pad_type(record)
    if rule is None:
        return explicit_pads(record), None
    if rule == "VALID":
        return (0, 0, 0, 0), rule
    if not compat:
        return "same_upper", rule
    # The original computes these once, from the declared size, for any size that follows.
    vertical = floor_same(shape[2], spans[0], stride[0])
    return (*vertical, *floor_same(shape[3], spans[1], stride[1])), rule


def _pool_kind(record: Record) -> Literal["max", "average"]:
    kind = record.text("pool", "MAX").upper()
    if kind in ("MAX", "0"):
        return "max"
    if kind in ("AVG", "AVE", "1"):
        return "average"
    raise record.error(f"pool={kind}", "pool=MAX or pool=AVG")


def _flag(record: Record, key: str) -> bool:
    """Return a key that ZQCNN takes as true wherever it stands; refuse one that says false."""
    if record.has(key) and not record.switch(key):
        raise record.error(f"{key}=0", f"{key} alone or not at all (ZQCNN ignores its value)")
    return record.has(key)
