"""Convolution as matrix products over blocks of windows that stay in the second-level cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import finish
from zqcnn_xp_numpy.planes import takes_planes
from zqcnn_xp_numpy.pointwise import MATRIX, is_pointwise
from zqcnn_xp_numpy.tape import Pads, Rows, Stage, Tape, blocks
from zqcnn_xp_numpy.winograd import Prepared

__all__ = ["pack_matrix", "window_pads", "window_stage"]

# Floats of one block of gathered windows: half of a megabyte, which common L2 caches hold twice.
# Where the kernel is larger, a block is as large: each block reads the whole kernel.
BLOCK = 1 << 17


def pixels_per_group(op: Conv2D, channels: int) -> int:
    """Return how many neighbouring pixels one row of the product computes.

    With few channels the gathering of windows costs more than the products. Neighbours share
    most of their windows, so a group is gathered once and multiplied with shifted copies of the
    kernel: more products, many of them with zeros, but fewer and longer copies. The bounds are
    measured on the first layers of the face networks.
    """
    if op.dilation[1] != 1 or op.kernel[1] == 1 or takes_planes(op, channels):
        return 1
    if channels * op.out_channels <= 48:
        return 4
    return 2 if channels * op.out_channels <= 160 else 1


def _span(op: Conv2D, pack: int) -> int:
    """Return the columns of one gathered group; the kernel's own where pixels stand alone."""
    return (pack - 1) * op.stride[1] + op.kernel[1]


def pack_matrix(op: Conv2D, weights: Weights) -> dict[str, Any]:
    """Flatten a kernel to (kH * span * C, pixels * O), with the bias as one more row.

    A column of ones in the gathered windows then adds the bias within the product.
    """
    kernel = np.asarray(weights["weight"], dtype=np.float32)
    kh, kw, c, o = kernel.shape
    pack = pixels_per_group(op, c)
    shifted = np.zeros((kh, _span(op, pack), c, pack, o), np.float32)
    for pixel in range(pack):
        first = pixel * op.stride[1]
        shifted[:, first : first + kw, :, pixel] = kernel
    matrix = shifted.reshape(-1, pack * o)
    if op.bias and not is_pointwise(op):
        bias = np.asarray(weights["bias"], np.float32)
        matrix = np.concatenate([matrix, np.tile(bias, pack)[None]])
    rest = {name: np.asarray(w, np.float32) for name, w in weights.items() if name != "weight"}
    return Prepared({MATRIX: np.ascontiguousarray(matrix), **rest})


def _groups(op: Conv2D, shape: Shape) -> int:
    """Return the groups of pixels in a row; the last may reach beyond the map."""
    return -(-op.infer(shape)[0][3] // pixels_per_group(op, shape[1]))


def window_pads(op: Conv2D, shape: Shape) -> Pads:
    """Return the border that `window_stage` reads, which holds the surplus pixels' windows."""
    _, c, h, width = shape
    top, bottom, left, right = op.padding(h, width)
    pixels = _groups(op, shape) * pixels_per_group(op, c)
    reach = (pixels - 1) * op.stride[1] + (op.kernel[1] - 1) * op.dilation[1] + 1
    return top, bottom, left, right + max(reach - (width + left + right), 0)


def window_stage(op: Conv2D, shape: Shape) -> Stage:
    """Return the stage of a convolution of one group at this logical shape."""
    n, c, _, _ = shape
    _, o, ho, wo = op.infer(shape)[0]
    (kh, _), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    pads = window_pads(op, shape)
    pack, groups = pixels_per_group(op, c), _groups(op, shape)
    span = _span(op, pack)
    columns = kh * span * c + (1 if op.bias else 0)
    apart = dx if pack == 1 else 1

    def gathered(count: int) -> Rows:
        made = np.empty((count, groups, columns), np.float32)
        if op.bias:
            made[:, :, -1] = 1.0
        return made

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x = tape.bordered(xs[0], pads)
        s0, s1, s2, s3 = x.strides
        windows = as_strided(
            x,
            (n, ho, groups, kh, span, c),
            (s0, s1 * sy, s2 * sx * pack, s1 * dy, s2 * apart, s3),
            writeable=False,
        )
        target = outs[0].reshape(n, ho, wo * o)
        for samples, rows in blocks(n, ho, groups * columns, max(BLOCK, columns * o)):
            part, some = target[samples, rows], windows[samples, rows]
            count = some.shape[0] * some.shape[1]
            # The ones beside the windows are written once.
            key = ("windows", count, groups, columns, op.bias)
            flat = tape.kept(key, partial(gathered, count))
            strides = (groups * columns, columns, span * c, c, 1)
            into = as_strided(
                flat,
                some.shape,
                (some.shape[1] * flat.strides[0], *(flat.itemsize * k for k in strides)),
            )
            tape.add(np.copyto, into, some)
            whole = groups * pack == wo and part.flags.c_contiguous
            wide = (*part.shape[:2], groups * pack * o)
            block = part if whole else tape.scratch("products", wide)
            product = block.reshape(count * groups, pack * o)
            tape.add(np.matmul, flat.reshape(count * groups, columns), w[MATRIX], out=product)
            finish(tape, None, op.activation, w, block, part)

    return stage
