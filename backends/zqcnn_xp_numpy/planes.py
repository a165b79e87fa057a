"""Convolution of an image: few channels, whose planes are copied in long rows.

With three channels a window is a handful of floats, and gathering windows takes longer than
multiplying them. So the matrix of windows is made the other way round, a row for each cell of the
kernel, which is a shifted copy of a plane; BLAS reads it transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import finish
from zqcnn_xp_numpy.pointwise import MATRIX, is_pointwise
from zqcnn_xp_numpy.tape import Rows, Stage, Tape, blocks

__all__ = ["PLANES", "planes_stage", "takes_planes"]

# Channels up to which this is quicker than gathering windows.
PLANES = 4
# Floats of one block of shifted rows.
BLOCK = 1 << 17


def takes_planes(op: object, channels: int) -> bool:
    """Tell whether an op would best have its input plane by plane."""
    return isinstance(op, Conv2D) and op.groups == 1 and channels <= PLANES and not is_pointwise(op)


def planes_stage(op: Conv2D, shape: Shape) -> Stage:
    """Return the stage of a convolution of few channels at this logical shape."""
    n, c, h, width = shape
    _, o, ho, wo = op.infer(shape)[0]
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    pads = op.padding(h, width)
    cells = kh * kw * c

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x = tape.bordered(xs[0], pads)
        s0, s1, s2, s3 = x.strides
        shifted = as_strided(
            x,
            (kh, kw, c, n, ho, wo),
            (s1 * dy, s2 * dx, s3, s0, s1 * sy, s2 * sx),
            writeable=False,
        )
        target = outs[0].reshape(n, ho, wo * o)
        for samples, rows in blocks(n, ho, wo * (cells + 1), BLOCK):
            some, part = shifted[:, :, :, samples, rows], target[samples, rows]
            count = some.shape[3] * some.shape[4] * wo
            # A last row of ones meets the bias; it is written once.
            gathered = tape.kept(("shifted", cells, count), partial(_ones, cells + 1, count))
            tape.add(np.copyto, gathered[:-1].reshape(some.shape), some)
            left = gathered if op.bias else gathered[:-1]
            block = part if part.flags.c_contiguous else tape.scratch("products", part.shape)
            tape.add(np.matmul, left.T, w[MATRIX], out=block.reshape(count, o))
            finish(tape, None, op.activation, w, block, part)

    return stage


def _ones(rows: int, columns: int) -> Rows:
    return np.ones((rows, columns), np.float32)
