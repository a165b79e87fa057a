"""Layers that slide a window, and matrix products."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.formats.caffe.call import Call
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["convolution", "deconvolution", "depthwise", "inner_product", "pooling"]

_PIXELS = (1 << 31) - 1


def convolution(call: Call) -> None:
    """``Convolution``: weights (O, C/g, kH, kW); several bottoms share them."""
    _convolve(call, call.param("convolution_param").integer("group", 1, 1))


def depthwise(call: Call) -> None:
    """``DepthwiseConvolution`` and ``ConvolutionDepthwise``: a group for each channel."""
    call.need_rank(4)
    group = call.param("convolution_param").integer("group", 1, 1)
    own = group > 1 and call.layer.kind == "DepthwiseConvolution"
    _convolve(call, group if own else call.shape[1])


def _convolve(call: Call, groups: int) -> None:
    param = call.param("convolution_param")
    _check_axis(call, param)
    outputs, bias = _num_output(param), param.switch("bias_term", True)
    kernel = _pair(param, "kernel_size", "kernel_h", "kernel_w", None, 1)
    _check_groups(call, call.shape[1], outputs, groups)
    call.expect(1 + bias)
    weight = call.take(0, "weight", (outputs, call.shape[1] // groups, *kernel))
    weights = {"weight": np.ascontiguousarray(weight.transpose(2, 3, 1, 0))}
    if bias:
        weights["bias"] = call.take(1, "bias", (outputs,))
    top, left = _pair(param, "pad", "pad_h", "pad_w", 0, 0)
    op = Conv2D(
        outputs,
        kernel,
        _pair(param, "stride", "stride_h", "stride_w", 1, 1),
        _pair(param, "dilation", "", "", 1, 1),
        (top, top, left, left),
        groups,
        bias,
    )
    for place, value in enumerate(call.inputs):
        call.result(op, value, weights=weights, output=place)


def deconvolution(call: Call) -> None:
    """``Deconvolution``: weights (C, O/g, kH, kW); padding is cropped from the result."""
    param = call.param("convolution_param")
    _check_axis(call, param)
    outputs, bias = _num_output(param), param.switch("bias_term", True)
    kernel = _pair(param, "kernel_size", "kernel_h", "kernel_w", None, 1)
    groups, channels = param.integer("group", 1, 1), call.shape[1]
    _check_groups(call, channels, outputs, groups)
    call.expect(1 + bias)
    weight = call.take(0, "weight", (channels, outputs // groups, *kernel))
    grouped = weight.reshape(groups, channels // groups, outputs // groups, *kernel)
    hwio = grouped.transpose(3, 4, 1, 0, 2).reshape(*kernel, channels // groups, outputs)
    weights: dict[str, NDArray[np.float32]] = {"weight": np.ascontiguousarray(hwio)}
    if bias:
        weights["bias"] = call.take(1, "bias", (outputs,))
    top, left = _pair(param, "pad", "pad_h", "pad_w", 0, 0)
    op = ConvTranspose2D(
        outputs,
        kernel,
        _pair(param, "stride", "stride_h", "stride_w", 1, 1),
        _pair(param, "dilation", "", "", 1, 1),
        (top, top, left, left),
        groups=groups,
        bias=bias,
    )
    for place, value in enumerate(call.inputs):
        call.result(op, value, weights=weights, output=place)


def pooling(call: Call) -> None:
    """``Pooling``: windows are counted up, unless the last would start behind the map.

    A mean divides by the cells of map and padding under the window. ``round_mode: FLOOR`` (late
    Caffe) and ``ceil_mode: false`` (forks) count down.
    """
    param = call.param("pooling_param")
    kinds = {"MAX": 0, "AVE": 1, "STOCHASTIC": 2}
    method = param.choice("pool", kinds, "MAX")
    if method == "STOCHASTIC":
        raise call.error("pool: STOCHASTIC", "MAX or AVE")
    kind: Literal["max", "average"] = "max" if method == "MAX" else "average"
    top, left = _pair(param, "pad", "pad_h", "pad_w", 0, 0)
    stride = _pair(param, "stride", "stride_h", "stride_w", 1, 1)
    if param.switch("global_pooling", False):
        if param.has("kernel_size", "kernel_h", "kernel_w") or top or left or stride != (1, 1):
            raise call.error("global_pooling with a kernel, pad or stride", "it alone")
        call.result(Pool2D(kind, None))
        return
    kernel = _pair(param, "kernel_size", "kernel_h", "kernel_w", None, 1)
    if top >= kernel[0] or left >= kernel[1]:
        raise call.error(f"pad {(top, left)} and kernel {kernel}", "a pad within the kernel")
    down = param.choice("round_mode", {"CEIL": 0, "FLOOR": 1}, "CEIL") == "FLOOR"
    ceil = param.switch("ceil_mode", not down)
    pads = (top, top, left, left)
    call.result(Pool2D(kind, kernel, stride, pads, ceil=ceil, clip_last=ceil, count="padded"))


def inner_product(call: Call) -> None:
    """``InnerProduct``: everything from ``axis`` on, in logical order, by (O, F).

    Maps are flattened first, so that results have as many axes as Caffe's.
    """
    param = call.param("inner_product_param")
    outputs, bias = _num_output(param), param.switch("bias_term", True)
    axis = call.axis(param.integer("axis", 1))
    if axis == 0:
        raise call.error("axis: 0", "an axis behind the batch")
    features = 1
    for size in call.shape[axis:]:
        features *= size
    call.expect(1 + bias)
    if param.switch("transpose", False):
        weight = call.take(0, "weight", (features, outputs))
    else:
        weight = call.take(0, "weight", (outputs, features)).T
    weights = {"weight": np.ascontiguousarray(weight)}
    if bias:
        weights["bias"] = call.take(1, "bias", (outputs,))
    op = Dense(outputs, bias)
    value = call.inputs[0]
    if axis < len(call.shape) - 1:
        value = call.step(Flatten(axis, -1, form="drop"), part="flat")
    if axis != 3:
        call.result(op, value, weights=weights)
        return
    # Four axes mean a map to a product, so two of them are one in between.
    rows = call.step(Flatten(1, 2, form="drop"), value, part="rows")
    product = call.step(op, rows, part="product", weights=weights)
    call.result(Reshape((0, call.shape[1], -1, outputs)), product)


def _num_output(param: Message) -> int:
    return param.integer("num_output", 0, 1) or _absent(param, "num_output")


def _absent(param: Message, name: str) -> int:
    raise param.error(f"no {name}", f"{name}: <number>")


def _pair(
    param: Message, both: str, height: str, width: str, default: int | None, low: int
) -> tuple[int, int]:
    """Return (vertical, horizontal) of the forms that a window's sizes have."""
    values = param.integers(both, low, _PIXELS)
    if height and param.has(height, width):
        if values:
            raise param.error(f"{both} beside {height} or {width}", "one of the two forms")
        absent = -1 if default is None else default
        found = (
            param.integer(height, absent, low, _PIXELS),
            param.integer(width, absent, low, _PIXELS),
        )
        if -1 in found:
            raise param.error(f"{height} or {width} alone", "both")
        return found
    if not values and default is None:
        _absent(param, both)
    if len(values) > 2:
        raise param.error(f"{len(values)} values of {both}", "one or two: height, width")
    if not values:
        return (default or 0, default or 0)
    return values[0], values[-1]


def _check_axis(call: Call, param: Message) -> None:
    for shape in call.shapes:
        if len(shape) != 4 or shape[1] != call.shape[1]:
            raise call.error(f"inputs of shapes {call.shapes}", "4 axes and equal channels")
    if call.axis(param.integer("axis", 1)) != 1:
        raise call.error(f"axis: {param.integer('axis', 1)}", "1, the channels")
    if len(call.inputs) != len(call.outputs):
        raise call.error(f"{len(call.outputs)} tops", f"{len(call.inputs)}, one for each bottom")


def _check_groups(call: Call, channels: int, outputs: int, groups: int) -> None:
    if channels % groups or outputs % groups:
        found = f"{channels} input and {outputs} output channels in {groups} groups"
        raise call.error(found, "multiples of the groups")
