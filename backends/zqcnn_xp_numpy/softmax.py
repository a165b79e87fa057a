"""Softmax over few values, without reductions whose inner loop is two cells long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zqcnn_xp.layout import storage_axis, storage_shape
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp_numpy.tape import Rows, Stage, Tape

__all__ = ["FEW", "softmax_stage"]

FEW = 8


def softmax_stage(op: Softmax, shape: Shape) -> Stage | None:
    """Return the stage of a softmax over at most `FEW` values, or None."""
    axis = storage_axis(op.axis, len(shape))
    stored = storage_shape(shape)
    count = stored[axis]
    if not 0 < count <= FEW:
        return None
    rest = (*stored[:axis], *stored[axis + 1 :])

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x, y = (np.moveaxis(array, axis, 0) for array in (xs[0], outs[0]))
        # One slice after the other: each is a single long loop.
        common = tape.scratch("common", rest)
        _fold(tape, np.maximum, x, common)
        for k in range(count):
            tape.add(np.subtract, x[k], common, out=y[k])
        tape.add(np.exp, outs[0], out=outs[0])
        _fold(tape, np.add, y, common)
        for k in range(count):
            tape.add(np.divide, y[k], common, out=y[k])

    return stage


def _fold(tape: Tape, function: np.ufunc, slices: Rows, out: Rows) -> None:
    if len(slices) == 1:
        tape.add(np.copyto, out, slices[0])
        return
    tape.add(function, slices[0], slices[1], out=out)
    for piece in slices[2:]:
        tape.add(function, out, piece, out=out)
