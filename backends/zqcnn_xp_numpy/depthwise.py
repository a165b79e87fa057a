"""Depthwise convolution: whole rows multiplied with repeated kernels and added up in one pass.

`numpy.einsum` multiplies and adds without storing the products, which ufuncs would pass over
twice. Its loop is quick where it is long, so pixels and channels of a row are one axis, and the
kernels are repeated along it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import finish
from zqcnn_xp_numpy.tape import Rows, Stage, Tape, blocks

__all__ = ["depthwise_stage"]

# Floats of one block of output rows, which lives in L2 with the rows that it reads.
BLOCK = 1 << 15
# Longest row of repeated kernels: with all cells of a 3x3 kernel 144 KB.
LONG = 1 << 12
# From so many channels on, the loop over one pixel's channels is long enough by itself, and
# strided pixels need not be sorted into rows of their own first.
MANY = 192


def depthwise_stage(op: Conv2D, shape: Shape) -> Stage:
    """Return the stage of a convolution with one channel per group at this logical shape."""
    n, c, h, width = shape
    _, _, ho, wo = op.infer(shape)[0]
    pads = op.padding(h, width)
    by_row = op.stride[1] == 1
    phases = min(op.stride[1], op.kernel[1]) if not by_row and c < MANY else 1

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x = tape.bordered(xs[0], pads)
        if x.strides[2:] != (4 * c, 4):
            x = tape.contiguous(x)
        target = outs[0].reshape(n, ho, wo * c)
        for samples, rows in blocks(n, ho, wo * c, BLOCK):
            part = target[samples, rows]
            block = part if part.flags.c_contiguous else tape.scratch("products", part.shape)
            _sum(tape, op, w["weight"], x[samples], rows, block, phases)
            finish(tape, w["bias"] if op.bias else None, op.activation, w, block, part)

    return stage


def _sum(
    tape: Tape, op: Conv2D, weight: Rows, x: Rows, rows: slice, block: Rows, phases: int
) -> None:
    """Add what fills a block with the sums of its windows."""
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    n, h, row = block.shape
    c = x.shape[3]
    first = rows.start * sy
    x = x[:, first : first + (h - 1) * sy + (kh - 1) * dy + 1]
    if phases == 1:
        s0, s1, s2, s3 = x.strides
        _weigh(tape, weight, range(kw), x, (s0, s1 * sy, s2 * sx, s1 * dy, s2 * dx, s3), block)
        return
    # Pixels of the same phase of the stride become neighbours.
    taps: dict[int, list[int]] = {}
    for j in range(kw):
        taps.setdefault(j * dx % sx, []).append(j)
    sums = block
    for columns in taps.values():
        step = (columns[1] - columns[0]) * dx // sx if len(columns) > 1 else 1
        start = columns[0] * dx
        count = row // c + (len(columns) - 1) * step
        sorted_ = tape.scratch("phase", (n, x.shape[1], count, c))
        tape.add(np.copyto, sorted_, x[:, :, start : start + (count - 1) * sx + 1 : sx])
        s0, s1, s2, s3 = sorted_.strides
        _weigh(tape, weight, columns, sorted_, (s0, s1 * sy, s2, s1 * dy, s2 * step, s3), sums)
        if sums is not block:
            tape.add(np.add, block, sums, out=block)
        sums = tape.scratch("sums", block.shape)


def _weigh(
    tape: Tape,
    weight: Rows,
    columns: Sequence[int],
    x: Rows,
    strides: tuple[int, int, int, int, int, int],
    out: Rows,
) -> None:
    """Sum windows of ``x``, given by strides for (n, y, x, i, j, channel), into ``out``."""
    n, h, row = out.shape
    kh, _, _, c = weight.shape
    s0, s1, s2, s3, s4, s5 = strides
    pixels = row // c
    # Neighbours in memory are one long axis; those that are not stand alone.
    piece = -(-pixels // -(-row // max(LONG, c))) if s2 == c * s5 else 1
    whole = pixels // piece * piece
    for start, stop, each in ((0, whole, piece), (whole, pixels, pixels - whole)):
        if start == stop:
            continue
        windows = as_strided(
            x[:, :, start * s2 // x.strides[2] :],
            (n, h, (stop - start) // each, kh, len(columns), each * c),
            (s0, s1, s2 * each, s3, s4, s5),
            writeable=False,
        )
        part = out[:, :, start * c : stop * c].reshape(n, h, -1, each * c)
        kernels = _repeated(tape, weight, columns, each)
        # Without ``out`` it would sum in another order of axes, at ten times the cost.
        tape.add(np.einsum, "nyxijk,ijk->nyxk", windows, kernels, out=part)


def _repeated(tape: Tape, weight: Rows, columns: Sequence[int], times: int) -> Rows:
    """Repeat some columns of a kernel for several pixels, once for all blocks."""
    # The prepared weight outlives the tape, so its id is not given to another.
    key = ("kernels", id(weight), tuple(columns), times)
    return tape.kept(
        key, lambda: np.ascontiguousarray(np.tile(weight[:, columns, 0], (1, 1, times)))
    )
