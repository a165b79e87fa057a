"""Conv: weights OIHW become HWIO, a zero padding before it becomes its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.windows import as_map, padding, pair, window_attribute
from zqcnn_xp.ops.conv2d import Conv2D

__all__ = ["LOWERINGS"]


def conv(call: Call) -> None:
    """Lower Conv over maps, and over sequences as maps of height 1."""
    source = call.value(0)
    array = call.weight(1)
    axes = source.rank - 2
    if array.ndim != source.rank or array.size == 0:
        found = f"weights of shape {array.shape} for an input of shape {source.shapes[0]}"
        raise call.error(found, f"{source.rank} axes, none empty")
    declared = call.attribute("kernel_shape", "ints", array.shape[2:])
    if declared != array.shape[2:]:
        raise call.error(f"attribute 'kernel_shape' = {declared}", f"{array.shape[2:]}")
    x = as_map(call, source)
    kernel = pair(array.shape[2:])
    stride = pair(window_attribute(call, "strides", axes))
    dilation = pair(window_attribute(call, "dilations", axes))
    groups = call.attribute("group", "int", 1)
    if not 0 < groups < 1 << 31:
        raise call.error(f"attribute 'group' = {groups}", "1 or more")
    pads = padding(call, x, axes, kernel, stride, dilation)
    if source.name in call.builder.padded and pads != "same_upper":
        # Zeros added by a Pad before it and by the convolution itself are the same zeros.
        x, extra = call.builder.padded[source.name]
        pads = (pads[0] + extra[0], pads[1] + extra[1], pads[2] + extra[2], pads[3] + extra[3])
    weight = call.builder.converted(
        array, "hwio", lambda: array.reshape(*array.shape[:2], *kernel).transpose(2, 3, 1, 0)
    )
    weights = {"weight": weight}
    if call.given(2):
        weights["bias"] = call.weight(2)
    op = call.make(
        Conv2D, array.shape[0], kernel, stride, dilation, pads, groups, bias="bias" in weights
    )
    out = call.emit(op, x, weights=weights, last=source.rank == 4)
    if source.rank == 3:
        call.reshape(out, tuple((n, c, w) for n, c, _, w in out.shapes), last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {"Conv": conv}
