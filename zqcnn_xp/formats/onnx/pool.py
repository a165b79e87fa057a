"""Pooling: MaxPool, AveragePool and the global ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.onnx.windows import as_map, padding, pair, window_attribute
from zqcnn_xp.ops.pool2d import Pool2D

__all__ = ["LOWERINGS"]

Kind = Literal["max", "average"]


def max_pool(call: Call) -> None:
    """Lower MaxPool; its second output (indices) is not computed."""
    call.ignore("storage_order")  # of the indices
    _pool(call, "max")


def average_pool(call: Call) -> None:
    """Lower AveragePool; ``count_include_pad`` decides what the mean divides by."""
    _pool(call, "average")


def _pool(call: Call, kind: Kind) -> None:
    source = call.value(0)
    axes = source.rank - 2
    x = as_map(call, source)
    kernel = pair(window_attribute(call, "kernel_shape", axes, None))
    stride = pair(window_attribute(call, "strides", axes))
    dilation = pair(window_attribute(call, "dilations", axes))
    call.expect("ceil_mode", "int", (0, 1))
    ceil = bool(call.attribute("ceil_mode", "int", 0))
    pads = padding(call, x, axes, kernel, stride, dilation)
    count: Literal["valid", "padded"] = "valid"
    if kind == "average":
        call.expect("count_include_pad", "int", (0, 1))
        count = "padded" if call.attribute("count_include_pad", "int", 0) else "valid"
    # SAME gives ceil(in / stride) windows by its padding alone.
    ceil = ceil and call.attribute("auto_pad", "string", "NOTSET") in ("NOTSET", "VALID")
    value: Literal["ignore", "zero"] = "ignore"
    if source.name in call.builder.padded and pads == (0, 0, 0, 0) and not ceil:
        # Zeros added by a Pad before it are cells like any other.
        x, pads = call.builder.padded[source.name]
        count, value = "padded", "zero"
    rules = {"ceil": ceil, "clip_last": True, "pad_value": value, "count": count}
    op = call.make(Pool2D, kind, kernel, stride, pads, dilation=dilation, **rules)
    out = call.emit(op, x, last=source.rank == 4)
    if source.rank == 3:
        call.reshape(out, tuple((n, c, w) for n, c, _, w in out.shapes), last=True)


def global_max_pool(call: Call) -> None:
    """Lower GlobalMaxPool: (N, C, ...) to (N, C, 1 ...)."""
    _whole(call, "max", keep=True)


def global_average_pool(call: Call) -> None:
    """Lower GlobalAveragePool: (N, C, ...) to (N, C, 1 ...)."""
    _whole(call, "average", keep=True)


def _whole(call: Call, kind: Kind, keep: bool) -> None:
    source: Value = call.value(0)
    x = as_map(call, source)
    direct = source.rank == 4 and keep
    out = call.emit(call.make(Pool2D, kind, None), x, last=direct)
    if not direct:
        shapes = tuple(shape[:2] + (1,) * (source.rank - 2 if keep else 0) for shape in out.shapes)
        call.reshape(out, shapes, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
}
