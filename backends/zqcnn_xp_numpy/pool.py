"""Pooling one axis after the other: rows first, where NumPy's inner loops are long."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_numpy.conv import bordered
from zqcnn_xp_numpy.epilogue import Rows

__all__ = ["pool_kernel"]


def pool_kernel(op: Pool2D, shape: Shape) -> Kernel | None:
    """Return a kernel for windowed pooling at this logical shape, or None for the whole map."""
    if op.kernel is None or op.dilation != (1, 1):
        return None
    _, _, h, width = shape
    _, _, ho, wo = op.infer(shape)[0]
    (kh, kw), (sy, sx) = op.kernel, op.stride
    pads = op.padding(h, width)
    largest = op.kind == "max"
    border = -np.inf if largest and op.pad_value == "ignore" else 0.0
    fold: Any = np.maximum if largest else np.add
    if any(
        size + a + b - (count - 1) * stride <= 0
        for size, a, b, count, stride in (
            (h, pads[0], pads[1], ho, sy),
            (width, pads[2], pads[3], wo, sx),
        )
    ):
        # A window that starts behind map and padding has no cell at all: the reference's case.
        return None
    scale = None
    if not largest:
        rows, columns = op.counts(h, width)
        cells = np.maximum(np.outer(rows, columns), 1)
        scale = (1.0 / cells).astype(np.float32)[None, :, :, None]

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        y = bordered(x, pads, border)
        y = _fold(fold, y, 1, kh, sy, ho)
        y = _fold(fold, y, 2, kw, sx, wo)
        if scale is not None:
            y = y * scale
        return (y,)

    return run


def _fold(fold: Any, x: Rows, axis: int, kernel: int, stride: int, out: int) -> Rows:
    """Fold ``kernel`` shifted views along one axis; a last window may be only partly inside."""
    size = x.shape[axis]

    def view(start: int, count: int) -> Rows:
        stop = start + (count - 1) * stride + 1
        return x[:, start:stop:stride] if axis == 1 else x[:, :, start:stop:stride]

    y: Rows = view(0, out).copy()
    for i in range(1, kernel):
        inside = min(out, max(-(-(size - i) // stride), 0))
        if inside:
            part = y[:, :inside] if axis == 1 else y[:, :, :inside]
            fold(part, view(i, inside), out=part)
    return y
