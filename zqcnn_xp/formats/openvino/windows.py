"""Convolutions, their adjoints, and pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.conv_transpose import adjoint_kernel
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.onnx.windows import as_map, pair
from zqcnn_xp.formats.openvino.attributes import boolean, choice, integers
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.window import Pads, extent, resolve_pads

__all__ = ["LOWERINGS"]

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
_AUTO = ("explicit", "notset", "valid", "same_upper", "same_lower")


def convolution(call: Call, grouped: bool) -> None:
    """Lower Convolution (O, C, ...) and GroupConvolution (G, O / G, C / G, ...)."""
    source = call.value(0)
    array, groups = _kernel(call, source, grouped)
    axes = source.rank - 2
    kernel = pair(array.shape[2:])
    stride, dilation = _window(call, "strides", axes), _window(call, "dilations", axes)
    x = as_map(call, source)
    pads = _padding(call, x, axes, kernel, stride, dilation)
    # Written by older tools beside the real attributes.
    call.ignore("kernel", "output", "group")
    if any(integers(call, "output_padding", (0,))):
        raise call.error("attribute 'output_padding' of a convolution", "0")
    weight = call.builder.converted(
        array, "hwio", lambda: array.reshape(*array.shape[:2], *kernel).transpose(2, 3, 1, 0)
    )
    op = call.make(Conv2D, array.shape[0], kernel, stride, dilation, pads, groups, bias=False)
    _finish(call, source, call.emit(op, x, weights={"weight": weight}, last=source.rank == 4))


def backprop(call: Call, grouped: bool) -> None:
    """Lower ConvolutionBackpropData (C, O, ...) and its grouped form (G, C / G, O / G, ...)."""
    source = call.value(0)
    array, groups = _kernel(call, source, grouped)
    axes = source.rank - 2
    kernel = pair(array.shape[2:])
    stride, dilation = _window(call, "strides", axes), _window(call, "dilations", axes)
    extra = tuple(integers(call, "output_padding", (0,) * axes))
    if len(extra) != axes or min(extra) < 0:
        raise call.error(f"attribute 'output_padding' = {extra}", f"{axes} sizes of 0 or more")
    kept = pair(extra) if axes == 2 else (0, extra[0])
    x = as_map(call, source)
    auto = choice(call, "auto_pad", "explicit", _AUTO)
    if call.given(2):
        call.ignore("pads_begin", "pads_end")
        pads = _wanted(call, x, axes, kernel, stride, dilation, kept, auto)
    elif auto.startswith("same"):
        raise call.error(f"auto_pad {auto!r} without an output shape", "explicit pads")
    else:
        pads = _explicit(call, axes, auto)
    weight = call.builder.converted(
        array, f"adjoint {groups}", lambda: adjoint_kernel(array, groups, kernel)
    )
    op = call.make(
        ConvTranspose2D, array.shape[1] * groups, kernel, stride, dilation, pads, kept, groups,
        bias=False,
    )  # fmt: skip
    _finish(call, source, call.emit(op, x, weights={"weight": weight}, last=source.rank == 4))


def pool(call: Call, kind: Literal["max", "average"]) -> None:
    """Lower MaxPool and AvgPool; the places of maxima (a second output) are not computed."""
    source = call.value(0)
    axes = source.rank - 2
    kernel, stride = _window(call, "kernel", axes, None), _window(call, "strides", axes)
    dilation = _window(call, "dilations", axes)
    x = as_map(call, source)
    pads = _padding(call, x, axes, kernel, stride, dilation)
    auto = choice(call, "auto_pad", "explicit", _AUTO)
    rounding = choice(call, "rounding_type", "floor", ("floor", "ceil", "ceil_torch"))
    count: Literal["valid", "padded"] = "valid"
    if kind == "average":
        count = "valid" if boolean(call, "exclude-pad", True) else "padded"
    call.ignore("index_element_type", "axis")
    op = call.make(
        Pool2D,
        kind,
        kernel,
        stride,
        pads,
        # SAME gives ceil(in / stride) windows by its padding alone.
        ceil=rounding != "floor" and not auto.startswith("same"),
        clip_last=rounding == "ceil_torch",
        count=count,
        dilation=dilation,
    )
    _finish(call, source, call.emit(op, x, last=source.rank == 4))


def _finish(call: Call, source: Value, out: Value) -> None:
    if source.rank == 3:
        call.reshape(out, tuple((n, c, w) for n, c, _, w in out.shapes), last=True)


def _kernel(call: Call, source: Value, grouped: bool) -> tuple[Tensor, int]:
    """Return weights of as many axes as the map's, and the number of groups."""
    array = call.weight(1)
    if source.rank not in (3, 4) or array.ndim != source.rank + grouped or array.size == 0:
        found = f"weights of shape {array.shape} for an input of shape {source.shapes[0]}"
        expected = f"{source.rank + grouped} axes, none empty, for a map or a sequence"
        raise call.error(found, expected)
    if not grouped:
        return array, 1
    groups, first, *rest = array.shape
    return call.builder.converted(
        array, "merged", lambda: array.reshape(groups * first, *rest)
    ), groups


def _window(call: Call, name: str, axes: int, default: int | None = 1) -> Pair:
    given = integers(call, name, None if default is None else (default,) * axes)
    if axes not in (1, 2) or len(given) != axes or any(not 0 < size < 1 << 31 for size in given):
        raise call.error(f"attribute {name!r} = {given}", f"{max(axes, 1)} positive sizes")
    return pair(given)


def _explicit(call: Call, axes: int, auto: str) -> Sides:
    zeros = (0,) * axes
    begin, end = integers(call, "pads_begin", zeros), integers(call, "pads_end", zeros)
    if len(begin) != axes or len(end) != axes or any(not 0 <= p < 1 << 31 for p in begin + end):
        raise call.error(f"pads {begin} and {end}", f"{axes} sizes of 0 or more on each side")
    if auto == "valid":
        return (0, 0, 0, 0)
    return (0, 0, begin[0], end[0]) if axes == 1 else (begin[0], end[0], begin[1], end[1])


def _padding(call: Call, x: Value, axes: int, kernel: Pair, stride: Pair, dilation: Pair) -> Pads:
    auto = choice(call, "auto_pad", "explicit", _AUTO)
    pads = _explicit(call, axes, auto)
    if auto == "same_upper":
        return "same_upper"
    if auto != "same_lower":
        return pads
    sides: list[int] = []
    for place, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        cells = x.size(2 + place)
        if cells is None and s > 1:
            raise call.error("auto_pad same_lower with strides at a free size", "explicit pads")
        # With a stride of 1 the padding is the same at any size.
        _, _, before, after = resolve_pads("same_upper", (1, cells or 1), (1, k), (1, s), (1, d))
        sides += [after, before]
    return (sides[0], sides[1], sides[2], sides[3])


def _wanted(
    call: Call,
    x: Value,
    axes: int,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    kept: Pair,
    auto: str,
) -> Sides:
    """Return the crop that leads to the sizes of input 2."""
    if not auto.startswith("same"):
        raise call.error(
            f"an output shape beside auto_pad {auto!r}", "'same_upper' or 'same_lower'"
        )
    sides: list[int] = []
    for place in range(2):
        totals: set[int] = set()
        for shape, sizes in zip(x.shapes, call.integers(2), strict=True):
            wanted = (1, *sizes) if axes == 1 else sizes
            if len(wanted) != 2:
                raise call.error(f"an output shape {sizes}", f"{axes} sizes")
            full = (shape[2 + place] - 1) * stride[place] + extent(kernel[place], dilation[place])
            totals.add(full + kept[place] - wanted[place])
        total = totals.pop()
        if totals:
            raise call.error("an output shape that depends on a free size", "a fixed crop")
        # The odd cell goes at the start; cells that no input reaches come at the end.
        less, more = max(total // 2, 0), total - max(total // 2, 0)
        sides += [more, less] if auto == "same_upper" and total > 0 else [less, more]
    return (sides[0], sides[1], sides[2], sides[3])


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "AvgPool": partial(pool, kind="average"),
    "Convolution": partial(convolution, grouped=False),
    "ConvolutionBackpropData": partial(backprop, grouped=False),
    "GroupConvolution": partial(convolution, grouped=True),
    "GroupConvolutionBackpropData": partial(backprop, grouped=True),
    "MaxPool": partial(pool, kind="max"),
}
