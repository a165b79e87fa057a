"""Pooling as the planner sees it: which window, which border, what a mean divides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_llvm.planner.layout import Border, Geometry

__all__ = ["Window", "can_pool", "conv_window", "pool_window"]


@dataclass(frozen=True)
class Window:
    """A window and the cells around the map that it reads.

    Parameters
    ----------
    fold
        As of the window kernels.
    kernel, stride, dilation
        (vertical, horizontal).
    border
        What has to lie around the map, and before its first row and column.
    scale
        Factor of the result.
    """

    fold: Literal["product", "max", "sum"]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    border: Border
    scale: float = 1.0


def _reach(cells: int, out: int, kernel: int, stride: int, dilation: int, before: int) -> int:
    """Return how many cells behind the map the last window reads."""
    return max((out - 1) * stride + (kernel - 1) * dilation + 1 - before - cells, 0)


def _border(
    into: Geometry,
    out: Shape,
    window: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    before: tuple[int, int],
    value: float,
) -> Border:
    kernel, stride, dilation = window
    bottom = _reach(into.h, out[2], kernel[0], stride[0], dilation[0], before[0])
    right = _reach(into.w, out[3], kernel[1], stride[1], dilation[1], before[1])
    return Border(before[0], bottom, before[1], right, value)


def conv_window(op: Conv2D, shape: Shape) -> Window:
    """Return the window of a convolution on an input of this logical shape."""
    into = Geometry(*shape[1:])
    top, _, left, _ = op.padding(into.h, into.w)
    window = (op.kernel, op.stride, op.dilation)
    border = _border(into, op.infer(shape)[0], window, (top, left), 0.0)
    return Window("product", *window, border)


def pool_window(op: Pool2D, shape: Shape) -> Window:
    """Return the window of a pooling op that `can_pool` admits."""
    into = Geometry(*shape[1:])
    out = op.infer(shape)[0]
    kernel = op.kernel or (into.h, into.w)
    stride = op.stride if op.kernel else (1, 1)
    dilation = op.dilation if op.kernel else (1, 1)
    top, _, left, _ = op.padding(into.h, into.w) if op.kernel else (0, 0, 0, 0)
    window = (kernel, stride, dilation)
    if op.kind == "average":
        border = _border(into, out, window, (top, left), 0.0)
        rows, columns = _counts(op, into)
        return Window("sum", *window, border, 1.0 / max(rows[0] * columns[0], 1))
    padded = op.pads != (0, 0, 0, 0) and op.kernel is not None and op.pad_value == "zero"
    border = _border(into, out, window, (top, left), 0.0 if padded else float("-inf"))
    return Window("max", *window, border)


def _counts(op: Pool2D, into: Geometry) -> tuple[list[int], list[int]]:
    if op.kernel is None:
        return [into.h], [into.w]
    return op.counts(into.h, into.w)


def can_pool(op: Pool2D, shape: Shape) -> bool:
    """Whether one border value and one divisor serve every window."""
    into = Geometry(*shape[1:])
    if op.kernel is None:
        return True
    pads = op.padding(into.h, into.w)
    out = op.infer(shape)[0]
    starts = ((out[2] - 1) * op.stride[0], (out[3] - 1) * op.stride[1])
    if starts[0] >= into.h + pads[0] + pads[1] or starts[1] >= into.w + pads[2] + pads[3]:
        return False  # a window that starts behind everything: the reference's case
    if op.kind == "average":
        rows, columns = op.counts(into.h, into.w)
        return len(set(rows)) == 1 and len(set(columns)) == 1
    if op.pad_value == "zero" and any(pads):
        # Padding counts as zero, but what a last partial window reaches beyond it never wins.
        border = pool_window(op, shape).border
        return border.bottom <= pads[1] and border.right <= pads[3]
    return True
