"""Layers with a window: convolutions, pooling, resizing; and the matrix product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from zqcnn_xp.formats.ncnn.call import Call, Lowering, Tensor, fused
from zqcnn_xp.formats.ncnn.record import ABSENT
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp.ops.window import Pads, extent

__all__ = ["LOWERINGS"]

_SAME_LOWER = -234


def convolution(call: Call) -> None:
    """``Convolution`` and ``ConvolutionDepthWise``: weights [O][C / groups][kH][kW]."""
    record = call.record
    if record.switch(19):
        raise call.error("weights that are computed (19=1)", "weights of the file")
    if len(call.shape()) == 2 and _pair(call, 11, 1) == (1, 1):
        _as_vector(call)
        return
    shape = call.map_shape()
    out, groups = record.integer(0, low=1), 1
    if record.kind == "ConvolutionDepthWise":
        groups = record.integer(7, 1, low=1)
    kernel, dilation, stride = _pair(call, 11, 1), _pair(call, 12, 2, 1), _pair(call, 13, 3, 1)
    if shape[1] % groups or out % groups:
        raise call.error(f"{shape[1]} channels to {out} in {groups} groups", "multiples")
    weight, coded = _weight(call, (out, shape[1] // groups, *kernel))
    weights: dict[str, Any] = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if record.switch(5):
        weights["bias"] = call.raw("bias", out)
    _scales(call, weights, coded, groups)
    pads, value = _pads(call, shape, kernel, stride, dilation), call.value()
    if record.number(18) and pads != (0, 0, 0, 0):
        if pads == "same_upper":
            raise call.error("SAME padding with another value than 0", "explicit pads")
        top, bottom, left, right = pads
        sides = ((0, 0), (0, 0), (top, bottom), (left, right))
        value, pads = call.emit(Pad(sides, record.number(18)), part="pad"), (0, 0, 0, 0)
    op = Conv2D(
        out, kernel, stride, dilation, pads, groups, bias="bias" in weights, activation=fused(call)
    )
    call.emit(op, value, weights=weights)


def deconvolution(call: Call) -> None:
    """``Deconvolution`` and ``DeconvolutionDepthWise``: weights [O][C / groups][kH][kW]."""
    record = call.record
    if record.switch(28):
        raise call.error("weights that are computed (28=1)", "weights of the file")
    shape = call.map_shape()
    out, groups = record.integer(0, low=1), 1
    if record.kind == "DeconvolutionDepthWise":
        groups = record.integer(7, 1, low=1)
    kernel, dilation, stride = _pair(call, 11, 1), _pair(call, 12, 2, 1), _pair(call, 13, 3, 1)
    if shape[1] % groups or out % groups:
        raise call.error(f"{shape[1]} channels to {out} in {groups} groups", "multiples")
    weight, coded = _weight(call, (out, shape[1] // groups, *kernel))
    weights: dict[str, Any] = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if record.switch(5):
        weights["bias"] = call.raw("bias", out)
    if coded:
        raise call.error("int8 weights", "float32 or float16")
    added = record.integer(19, record.integer(18), low=0), record.integer(18, low=0)
    left = record.integer(4)
    top, right = record.integer(14, left), record.integer(15, left)
    pads = (top, record.integer(16, top), left, right)
    size = record.integer(21, record.integer(20), low=0), record.integer(20, low=0)
    if any(size) and (left in (ABSENT, _SAME_LOWER) or not any(pads)):
        call.assembly.sized = True
        cuts = [
            (shape[2 + k] - 1) * stride[k] + extent(kernel[k], dilation[k]) + added[k] - size[k]
            for k in (0, 1)
        ]
        low = left == _SAME_LOWER
        first = [cut - cut // 2 if low else cut // 2 for cut in cuts]
        pads = (first[0], cuts[0] - first[0], first[1], cuts[1] - first[1])
    if min(pads) < 0:
        raise call.error(f"pads {pads}", "at least 0, or a size to crop to")
    op = ConvTranspose2D(
        out,
        kernel,
        stride,
        dilation,
        pads,
        added,
        groups=groups,
        bias="bias" in weights,
        activation=fused(call),
    )
    call.emit(op, weights=weights)


def inner_product(call: Call) -> None:
    """``InnerProduct``: weights [O][F]; a blob of rows of F gives rows of O, others flatten."""
    record = call.record
    shape = call.shape()
    out, count = record.integer(0, low=1), record.integer(2, low=0)
    if not count or count % out:
        raise call.error(f"{count} weights for {out} results", f"a multiple of {out}")
    features = count // out
    value = call.value()
    rows = len(shape) == 3 and shape[2] == features
    if len(shape) > 2 and not rows:
        value = call.emit(Flatten(1, form="drop"), part="flat")
    _dense(call, value, out, features, bias=record.switch(1))


def _as_vector(call: Call) -> None:
    """Lower a convolution of one cell over a vector, as behind a global pooling."""
    out, channels = call.record.integer(0, low=1), call.shape()[1]
    _dense(call, call.value(), out, channels, bias=call.record.switch(5))


def _dense(call: Call, value: str, out: int, features: int, bias: bool) -> None:
    weight, coded = call.weights.main(call.record, "weight", (out, features))
    weights: dict[str, Any] = {"weight": np.ascontiguousarray(weight.T)}
    if bias:
        weights["bias"] = call.raw("bias", out)
    _scales(call, weights, coded)
    call.emit(Dense(out, bias, fused(call)), value, weights=weights)


def _weight(call: Call, shape: tuple[int, int, int, int]) -> tuple[Tensor, bool]:
    count = call.record.integer(6)
    wanted = shape[0] * shape[1] * shape[2] * shape[3]
    if count != wanted:
        raise call.error(f"6={count} weights", f"6={wanted} for shape {shape}")
    return call.weights.main(call.record, "weight", shape)


def _scales(call: Call, weights: dict[str, Any], coded: bool, groups: int = 1) -> None:
    """Read the scales of int8 weights and undo them: the network then runs in float32."""
    term = call.record.integer(8)
    if term not in (0, 1, 2, 101, 102):
        raise call.error(f"8={term}", "0, 1, 2, 101 or 102")
    if not term:
        if coded:
            raise call.error("int8 weights without scales (8=0)", "8=1 or more")
        return
    out = weights["weight"].shape[-1]
    count = out
    if call.record.kind == "ConvolutionDepthWise":
        count = 1 if term in (2, 102) else groups
    scales = call.raw("weight_scales", count)
    call.raw("input_scales", 1)
    if term > 100:
        call.raw("output_scales", 1)
    if coded:
        if not np.all(scales):
            raise call.error("an int8 scale of 0", "others")
        weights["weight"] = np.ascontiguousarray(
            weights["weight"] / np.repeat(scales, out // count)
        )


def pooling(call: Call) -> None:
    """``Pooling``: mode 0 of the padding rounds the number of windows up, mode 1 down.

    A mean divides by the cells of the map unless key 6 counts the padding, then by the whole
    window. A global one gives a vector.
    """
    record = call.record
    shape = call.map_shape()
    kind: Literal["max", "average"] = "average" if record.integer(0) else "max"
    if record.integer(0) not in (0, 1):
        raise call.error(f"0={record.integer(0)}", "0 (maximum) or 1 (mean)")
    if record.switch(4):
        whole = call.emit(Pool2D(kind, None), part="map")
        call.emit(Flatten(1, form="drop"), whole)
        return
    if record.switch(7):
        _adaptive(call, shape, kind)
        return
    kernel, stride = _pair(call, 11, 1), _pair(call, 12, 2, 1)
    mode = record.integer(5)
    # Behind SAME padding ncnn counts the padded cells whatever key 6 says.
    whole_window = record.switch(6) or mode in (2, 3)
    counted: Literal["valid", "kernel"] = "kernel" if whole_window else "valid"
    pads: Pads
    if mode in (2, 3):
        if kind == "average" and not record.switch(6) and (record.integer(3) or record.integer(13)):
            raise call.error("pads beside SAME padding", "one of the two")
        pads = "same_upper" if mode == 2 else _same_lower(call, shape, kernel, stride, (1, 1))
    elif mode in (0, 1):
        left = record.integer(3, low=0)
        top = record.integer(13, left, low=0)
        pads = (top, record.integer(15, top, low=0), left, record.integer(14, left, low=0))
    else:
        raise call.error(f"5={mode}", "a padding mode from 0 to 3")
    call.emit(Pool2D(kind, kernel, stride, pads, ceil=mode == 0, count=counted))


def _adaptive(call: Call, shape: Shape, kind: Literal["max", "average"]) -> None:
    width = call.record.integer(8)
    height = call.record.integer(18, width)
    height, width = (
        cells if size == ABSENT else size for cells, size in ((shape[2], height), (shape[3], width))
    )
    if (height, width) == (1, 1):
        call.emit(Pool2D(kind, None))
        return
    if min(height, width) < 1 or shape[2] % height or shape[3] % width:
        found = f"a map of {shape[2:]} in {height} x {width} parts"
        raise call.error(found, "parts of equal size")
    call.assembly.sized = True
    kernel = (shape[2] // height, shape[3] // width)
    call.emit(Pool2D(kind, kernel, kernel))


def interp(call: Call) -> None:
    """``Interp``: nearest cells, or bilinear with half-pixel centres (or coinciding ends)."""
    record = call.record
    kind = {1: "nearest", 2: "bilinear"}.get(record.integer(0))
    if kind is None:
        raise call.error(f"0={record.integer(0)}", "1 (nearest) or 2 (bilinear)")
    height, width = record.integer(3, low=0), record.integer(4, low=0)
    value, shape = call.value(), call.shape()
    if len(shape) == 2:
        value = call.emit(Reshape((1, 1), 2, 0), part="map")
        shape = (*shape, 1, 1)
    if len(shape) != 4:
        raise call.error(f"an input of shape {shape}", "a map or a vector")
    scales = record.number(1, 1.0), record.number(2, 1.0)
    if not all(0 < scale <= 4096 for scale in scales):
        raise call.error(f"scales {scales}", "positive numbers")
    if len(call.operands) > 1:
        target = call.map_shape(1)[2:]
        scales = (target[0] / max(shape[2], 1), target[1] / max(shape[3], 1))
        height, width = (0, 0) if all(s % 1 == 0 for s in scales) else target
        call.assembly.sized |= height > 0
    elif not (height and width) and any(scale % 1 for scale in scales):
        # ncnn samples at steps of 1 / scale, which are in / out only where nothing is rounded.
        if any((cells * s) % 1 for cells, s in zip(shape[2:], scales, strict=True)):
            raise call.error(f"a map of {shape[2:]} times {scales}", "a whole number of cells")
        call.assembly.sized |= any(s % 1 and (1 / s) % 1 for s in scales)
    align = "ends" if record.switch(6) else "corner" if kind == "nearest" else "center"
    if kind == "nearest":
        align = "corner"
    rule: dict[str, Any] = {"size": (height, width)} if height and width else {"scale": scales}
    call.emit(Upsample(kind, align, rounding="floor", **rule), value)  # type: ignore[arg-type]


def _pair(call: Call, vertical: int, horizontal: int, default: int = 0) -> tuple[int, int]:
    width = call.record.integer(horizontal, default, low=1)
    return call.record.integer(vertical, width, low=1), width


def _pads(
    call: Call,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    record = call.record
    left = record.integer(4)
    top, right = record.integer(14, left), record.integer(15, left)
    sides = (top, record.integer(16, top), left, right)
    if set(sides) == {ABSENT}:
        return "same_upper"
    if set(sides) == {_SAME_LOWER}:
        return _same_lower(call, shape, kernel, stride, dilation)
    if min(sides) < 0:
        raise call.error(f"pads {sides}", f"at least 0, or all {ABSENT} or {_SAME_LOWER}")
    return sides


def _same_lower(
    call: Call,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    """Return pads for ceil(in / stride) results, the odd cell at the top or left."""
    sides: list[int] = []
    for cells, k, s, d in zip(shape[2:], kernel, stride, dilation, strict=True):
        total = max((cells - 1) // s * s + extent(k, d) - cells, 0)
        sides += [total - total // 2, total // 2]
        call.assembly.sized |= s > 1
    top, bottom, left, right = sides
    return top, bottom, left, right


LOWERINGS: Mapping[str, Lowering] = {
    "Convolution": convolution,
    "ConvolutionDepthWise": convolution,
    "Deconvolution": deconvolution,
    "DeconvolutionDepthWise": deconvolution,
    "InnerProduct": inner_product,
    "Interp": interp,
    "Pooling": pooling,
}
