"""Convolution as matrix products over blocks of rows that stay in the second-level cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import Rows, epilogue

__all__ = ["bordered", "conv_kernel", "pack_matrix"]

# Floats of one block of gathered windows: half of a megabyte, which common L2 caches hold twice.
BLOCK = 1 << 17
MATRIX = "matrix"


def pixels_per_group(op: Conv2D, channels: int) -> int:
    """Return how many neighbouring pixels one row of the product computes.

    With few channels the gathering of windows costs more than the products. Neighbours share
    most of their windows, so a group is gathered once and multiplied with shifted copies of the
    kernel: more products, many of them with zeros, but fewer and longer copies. The bounds are
    measured on the first layers of the face networks.
    """
    if op.dilation[1] != 1 or op.kernel[1] == 1:
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
    if op.bias and not _pointwise(op):
        bias = np.asarray(weights["bias"], np.float32)
        matrix = np.concatenate([matrix, np.tile(bias, pack)[None]])
    rest = {name: np.asarray(w, np.float32) for name, w in weights.items() if name != "weight"}
    return {MATRIX: np.ascontiguousarray(matrix), **rest}


def _pointwise(op: Conv2D) -> bool:
    return op.kernel == (1, 1) and op.stride == (1, 1) and op.pads in ((0, 0, 0, 0), "same_upper")


def conv_kernel(op: Conv2D, shape: Shape) -> Kernel:
    """Return a kernel for a convolution of one group at this logical shape."""
    if _pointwise(op):
        return _pointwise_kernel(op, shape)
    return _window_kernel(op, shape)


def _pointwise_kernel(op: Conv2D, shape: Shape) -> Kernel:
    n, c, h, width = shape
    pixels = n * h * width
    # Small enough that bias and activation meet the product's result in the cache.
    step = max(BLOCK // max(op.out_channels, c, 1), 1)

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        flat = np.ascontiguousarray(x).reshape(pixels, c)
        y = np.empty((pixels, op.out_channels), np.float32)
        finish = epilogue(op.activation, w, 1)
        if not op.bias and finish is None:
            np.matmul(flat, w[MATRIX], out=y)
            return (y.reshape(n, h, width, op.out_channels),)
        for start in range(0, pixels, step):
            block = y[start : start + step]
            np.matmul(flat[start : start + step], w[MATRIX], out=block)
            if op.bias:
                block += w["bias"]
            if finish is not None:
                finish(block)
        return (y.reshape(n, h, width, op.out_channels),)

    return run


def _window_kernel(op: Conv2D, shape: Shape) -> Kernel:
    n, c, h, width = shape
    _, o, ho, wo = op.infer(shape)[0]
    (kh, _), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    top, bottom, left, right = op.padding(h, width)
    pack = pixels_per_group(op, c)
    span = _span(op, pack)
    groups = -(-wo // pack)
    # The last group may reach beyond the map; its surplus pixels are cut off at the end.
    reach = (groups * pack - 1) * sx + (op.kernel[1] - 1) * dx + 1 - (width + left + right)
    pads = (top, bottom, left, right + max(reach, 0))
    columns = kh * span * c + (1 if op.bias else 0)
    rows = min(max(BLOCK // max(groups * columns, 1), 1), max(ho, 1))
    apart = dx if pack == 1 else 1

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        y = np.empty((n, ho, groups * pack * o), np.float32)
        x = bordered(x, pads)
        finish = epilogue(op.activation, w, groups * pack)
        scratch = np.empty((rows, groups, columns), np.float32)
        if op.bias:
            scratch[:, :, -1] = 1.0
        s0, s1, s2, s3 = x.strides
        windows = as_strided(
            x,
            (n, ho, groups, kh, span, c),
            (s0, s1 * sy, s2 * sx * pack, s1 * dy, s2 * apart, s3),
            writeable=False,
        )
        strides = (groups * columns, columns, span * c, c, 1)
        target = as_strided(
            scratch, (rows, groups, kh, span, c), tuple(scratch.itemsize * k for k in strides)
        )
        for sample in range(n):
            for start in range(0, ho, rows):
                block = y[sample, start : start + rows]
                count = block.shape[0]
                np.copyto(target[:count], windows[sample, start : start + count])
                np.matmul(
                    scratch[:count].reshape(count * groups, columns),
                    w[MATRIX],
                    out=block.reshape(count * groups, pack * o),
                )
                if finish is not None:
                    finish(block)
        return (y.reshape(n, ho, groups * pack, o)[:, :, :wo],)

    return run


def bordered(x: Rows, pads: tuple[int, int, int, int], value: float = 0.0) -> Rows:
    """Return a stored map with a border, or the map itself where there is none."""
    top, bottom, left, right = pads
    if not any(pads):
        return x
    n, h, w, c = x.shape
    y = np.full((n, h + top + bottom, w + left + right, c), value, np.float32)
    y[:, top : top + h, left : left + w] = x
    return y
