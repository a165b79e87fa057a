"""Operators with a window, and the matrix product."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np

from zqcnn_xp.formats.mxnet.call import Call, Lowering
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp.ops.window import extent

__all__ = ["LOWERINGS"]


def convolution(call: Call) -> None:
    """``Convolution``: weights [O][C / groups][kH][kW]."""
    record = call.record
    channels = call.map_shape()[1]
    _check_layout(call)
    out, groups = record.integer("num_filter", low=1), record.integer("num_group", 1, low=1)
    kernel = record.pair("kernel", low=1)
    top, left = record.pair("pad", 0)
    bias = not record.switch("no_bias")
    if channels % groups:
        raise call.error(f"{channels} channels in {groups} groups", "a multiple")
    weight = call.tensor(1, "weight", (out, channels // groups, *kernel))
    weights = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if bias:
        weights["bias"] = call.tensor(2, "bias", (out,))
    op = Conv2D(
        out,
        kernel,
        record.pair("stride", 1, low=1),
        record.pair("dilate", 1, low=1),
        (top, top, left, left),
        groups=groups,
        bias=bias,
    )
    call.emit(op, weights=weights)


def deconvolution(call: Call) -> None:
    """``Deconvolution``: weights [C][O / groups][kH][kW]; ``target_shape`` overrides the pads.

    Of an odd number of cells to crop the larger half goes at the top and left (InferPad of
    MXNet's deconvolution).
    """
    record = call.record
    shape = call.map_shape()
    _check_layout(call)
    out, groups = record.integer("num_filter", low=1), record.integer("num_group", 1, low=1)
    kernel, stride = record.pair("kernel", low=1), record.pair("stride", 1, low=1)
    dilation = record.pair("dilate", 1, low=1)
    (top, left), added = record.pair("pad", 0), record.pair("adj", 0)
    pads = (top, top, left, left)
    target = record.pair("target_shape", 0)
    if any(target):
        call.assembly.sized = True
        spans = [
            stride[k] * (shape[2 + k] - 1) + extent(kernel[k], dilation[k]) - target[k]
            for k in (0, 1)
        ]
        if min(spans) < 0:
            raise call.error(f"target_shape {target}", f"at most {-min(spans)} less")
        pads = ((spans[0] + 1) // 2, spans[0] // 2, (spans[1] + 1) // 2, spans[1] // 2)
        added = (0, 0)
    bias = not record.switch("no_bias", True)
    weights: dict[str, Any] = _transposed(call, shape, out, groups, kernel)
    if bias:
        weights["bias"] = call.tensor(2, "bias", (out,))
    op = ConvTranspose2D(out, kernel, stride, dilation, pads, added, groups=groups, bias=bias)
    call.emit(op, weights=weights)


def _transposed(
    call: Call, shape: Shape, out: int, groups: int, kernel: tuple[int, int]
) -> dict[str, Any]:
    channels = shape[1]
    if channels % groups or out % groups:
        found = f"{channels} channels to {out} in {groups} groups"
        raise call.error(found, "multiples of the groups")
    raw = call.tensor(1, "weight", (channels, out // groups, *kernel))
    raw = raw.reshape(groups, channels // groups, out // groups, *kernel)
    weight = raw.transpose(3, 4, 1, 0, 2).reshape(*kernel, channels // groups, out)
    return {"weight": np.ascontiguousarray(weight)}


def pooling(call: Call) -> None:
    """``Pooling``: ``full`` rounds the number of windows up, ``valid`` down.

    A mean counts the padding that the attributes name, not cells beyond it; a window may start
    behind the map.
    """
    record = call.record
    call.map_shape()
    _check_layout(call)
    kind = record.choice("pool_type", "max", ("max", "avg", "sum"))
    whole = record.switch("global_pool")
    if whole and kind != "sum":
        call.emit(Pool2D("max" if kind == "max" else "average", None))
        return
    if whole:
        raise call.error("a sum over the whole map", "a maximum or a mean")
    kernel, stride = record.pair("kernel", low=1), record.pair("stride", 1, low=1)
    top, left = record.pair("pad", 0)
    pads = (top, top, left, left)
    full = record.choice("pooling_convention", "valid", ("valid", "full")) == "full"
    if kind == "max":
        call.emit(Pool2D("max", kernel, stride, pads, ceil=full))
        return
    if kind == "sum":
        mean = call.emit(
            Pool2D("average", kernel, stride, pads, ceil=full, count="kernel"), part="mean"
        )
        call.emit(Scalar("multiply", float(kernel[0] * kernel[1])), mean)
        return
    count = "padded" if record.switch("count_include_pad", True) else "valid"
    op = Pool2D("average", kernel, stride, pads, ceil=full, count=count)  # type: ignore[arg-type]
    call.emit(op)


def fully_connected(call: Call) -> None:
    """``FullyConnected``: weights [O][F], over all axes but the batch unless ``flatten`` is off."""
    record = call.record
    shape = call.shape()
    out = record.integer("num_hidden", low=1)
    bias = not record.switch("no_bias")
    weight = call.tensor(1, "weight")
    if weight.ndim != 2 or weight.shape[0] != out:
        raise call.error(f"weight of shape {weight.shape}", f"({out}, any)")
    weights = {"weight": np.ascontiguousarray(weight.T)}
    if bias:
        weights["bias"] = call.tensor(2, "bias", (out,))
    value = call.value()
    if len(shape) > 2 and record.switch("flatten", True):
        value = call.emit(Flatten(1, form="drop"), part="flat")
    elif len(shape) == 4:
        raise call.error("flatten=False over (N, C, H, W)", "flatten=True")
    call.emit(Dense(out, bias=bias), value, weights=weights)


def upsampling(call: Call) -> None:
    """``UpSampling``: nearest cells, or a transposed convolution with weights of the file."""
    record = call.record
    shape = call.map_shape()
    scale = record.integer("scale", low=1)
    if record.integer("num_args", 1) > (2 if _is_bilinear(call) else 1):
        raise call.error("several inputs", "one")
    if not _is_bilinear(call):
        op = Upsample("nearest", "corner", scale=(float(scale), float(scale)), rounding="floor")
        call.emit(op)
        return
    channels = record.integer("num_filter", shape[1]) or shape[1]
    kernel, pad = 2 * scale - scale % 2, ceil((scale - 1) / 2)
    pads = (pad, pad, pad, pad)
    weights = _transposed(call, shape, channels, channels, (kernel, kernel))
    deconvolve = ConvTranspose2D(
        channels, (kernel, kernel), (scale, scale), pads=pads, groups=channels, bias=False
    )
    call.emit(deconvolve, weights=weights)


def _is_bilinear(call: Call) -> bool:
    options = ("nearest", "bilinear")
    return call.record.choice("sample_type", "nearest", options) == "bilinear"


def bilinear_resize(call: Call) -> None:
    """``_contrib_BilinearResize2D``: the first and last cells of map and result coincide."""
    record = call.record
    h, w = call.map_shape()[2:]
    if record.text("mode", "size") not in ("size", "None"):
        raise call.error(f"mode={record.text('mode', '')!r}", "mode=size")
    if record.has("scale_height") or record.has("scale_width"):
        call.assembly.sized = True
        scales = record.number("scale_height"), record.number("scale_width")
        if not all(0 < scale <= 1024 for scale in scales):
            raise call.error(f"scales {scales}", "positive numbers up to 1024")
        size = int(h * scales[0]), int(w * scales[1])
    else:
        size = record.integer("height", 1, low=1), record.integer("width", 1, low=1)
    align = "ends" if record.switch("align_corners", True) else "center"
    call.emit(Upsample("bilinear", align, size=size))  # type: ignore[arg-type]


def _check_layout(call: Call) -> None:
    layout = call.record.text("layout", "NCHW")
    if layout != "NCHW":
        raise call.error(f"layout={layout[:64]!r}", "NCHW")


LOWERINGS: Mapping[str, Lowering] = {
    "Convolution": convolution,
    "Convolution_v1": convolution,
    "Deconvolution": deconvolution,
    "FullyConnected": fully_connected,
    "Pooling": pooling,
    "Pooling_v1": pooling,
    "UpSampling": upsampling,
    "_contrib_BilinearResize2D": bilinear_resize,
}
