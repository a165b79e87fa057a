"""Products over channels alone: 1x1 convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp_numpy.epilogue import finish
from zqcnn_xp_numpy.tape import Rows, Stage, Tape, blocks

__all__ = ["MATRIX", "dense_stage", "is_pointwise", "pointwise_stage"]

MATRIX = "matrix"
# Floats of one block of results: bias and activation meet it in the cache.
BLOCK = 1 << 16


def is_pointwise(op: Conv2D) -> bool:
    """Tell whether a convolution reads one cell for each that it writes."""
    return op.kernel == (1, 1) and op.stride == (1, 1) and op.pads in ((0, 0, 0, 0), "same_upper")


def pointwise_stage(op: Conv2D, shape: Shape) -> Stage:
    """Return the stage of a 1x1 convolution at this logical shape."""
    n, c, h, width = shape
    o = op.out_channels

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x = tape.contiguous(xs[0])
        target = outs[0].reshape(n, h, width * o)
        bias = w["bias"] if op.bias else None
        plain = bias is None and op.activation is None
        most = n * h * width * o if plain and target.flags.c_contiguous else BLOCK
        for samples, rows in blocks(n, h, width * max(o, c), most * max(c // max(o, 1), 1)):
            part = target[samples, rows]
            block = part if part.flags.c_contiguous else tape.scratch("products", part.shape)
            left = x[samples, rows].reshape(-1, c)
            tape.add(np.matmul, left, w[MATRIX], out=block.reshape(-1, o))
            finish(tape, bias, op.activation, w, block, part)

    return stage


def dense_stage(op: Dense, shape: Shape) -> Stage:
    """Return the stage of a dense layer at this logical shape, of rank 2 or 4."""
    o = op.out_features

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        left = tape.contiguous(xs[0]).reshape(shape[0], -1)
        target = outs[0].reshape(shape[0], 1, o)
        block = target if target.flags.c_contiguous else tape.scratch("products", target.shape)
        tape.add(np.matmul, left, w["weight"].reshape(-1, o), out=block.reshape(-1, o))
        finish(tape, w["bias"] if op.bias else None, op.activation, w, block, target)

    return stage
