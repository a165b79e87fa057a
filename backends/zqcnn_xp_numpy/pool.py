"""Pooling one axis after the other: rows first, where NumPy's inner loops are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_numpy.tape import Rows, Stage, Tape, blocks

__all__ = ["pool_stage"]

# Floats of one block of folded rows, which the folding of columns finds in the cache.
BLOCK = 1 << 15


def pool_stage(op: Pool2D, shape: Shape) -> Stage | None:
    """Return the stage of windowed pooling at this logical shape, or None for the whole map."""
    if op.kernel is None or op.dilation != (1, 1):
        return None
    n, c, h, width = shape
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
        scale = np.repeat((1.0 / cells).astype(np.float32)[:, :, None], c, axis=2)
    whole = op.kernel == (h, width) and (ho, wo) == (1, 1) and not any(pads)

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        if whole:
            cells = tape.contiguous(xs[0]).reshape(n, h * width, c)
            y = outs[0].reshape(n, c)
            tape.add(fold.reduce, cells, axis=1, out=y)
            if scale is not None:
                tape.add(np.multiply, y, scale[0, 0], out=y)
            return
        x = tape.bordered(xs[0], pads, border)
        for samples, part in blocks(n, ho, x.shape[2] * c, BLOCK):
            some, target = x[samples], outs[0][samples, part]
            lines = _fold(tape, fold, some[:, part.start * sy :], 1, kh, sy, target.shape[1])
            _fold(tape, fold, lines, 2, kw, sx, wo, target)
            if scale is not None:
                tape.add(np.multiply, target, scale[part], out=target)

    return stage


def _fold(
    tape: Tape,
    fold: Any,
    x: Rows,
    axis: int,
    kernel: int,
    stride: int,
    count: int,
    out: Rows | None = None,
) -> Rows:
    """Fold ``kernel`` shifted views along one axis; a last window may be only partly inside."""
    size = x.shape[axis]

    def view(x: Rows, start: int, count: int, step: int) -> Rows:
        stop = start + (count - 1) * step + 1
        return x[:, start:stop:step] if axis == 1 else x[:, :, start:stop:step]

    first = view(x, 0, count, stride)
    if out is None:
        if kernel == 1:
            return first
        out = tape.scratch("folded", first.shape)
    done = first
    for i in range(1, kernel):
        inside = min(count, max(-(-(size - i) // stride), 0))
        if inside < count and done is first:
            tape.add(np.copyto, out, first)
            done = out
        if inside:
            part = view(out, 0, inside, 1)
            tape.add(fold, view(done, 0, inside, 1), view(x, i, inside, stride), out=part)
            done = out
    if done is first:
        tape.add(np.copyto, out, first)
    return out
