"""Convolution as matrix products over blocks of rows that stay in the second-level cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import Rows, epilogue

__all__ = ["conv_kernel", "pack_matrix"]

# Floats of one block of gathered windows: half of a megabyte, which common L2 caches hold twice.
BLOCK = 1 << 17
MATRIX = "matrix"


def pack_matrix(op: Conv2D, weights: Weights) -> dict[str, Any]:
    """Flatten a kernel to (kH * kW * C, O), with the bias as one more row.

    A column of ones in the gathered windows then adds the bias within the product.
    """
    kernel = np.asarray(weights["weight"], dtype=np.float32)
    matrix = kernel.reshape(-1, kernel.shape[-1])
    if op.bias and not _pointwise(op):
        matrix = np.concatenate([matrix, np.asarray(weights["bias"], np.float32)[None]])
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
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    pads = op.padding(h, width)
    cells = kh * kw * c
    columns = cells + (1 if op.bias else 0)
    rows = min(max(BLOCK // max(wo * columns, 1), 1), ho)

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        y = np.empty((n, ho, wo, o), np.float32)
        if y.size == 0:
            return (y,)
        x = bordered(x, pads)
        finish = _on_rows(epilogue(op.activation, w, wo), wo * o)
        scratch = np.empty((rows * wo, columns), np.float32)
        if op.bias:
            scratch[:, cells] = 1.0
        s0, s1, s2, s3 = x.strides
        windows = as_strided(
            x, (n, ho, wo, kh, kw, c), (s0, s1 * sy, s2 * sx, s1 * dy, s2 * dx, s3),
            writeable=False,
        )
        target = as_strided(
            scratch, (rows, wo, kh, kw, c),
            tuple(4 * k for k in (wo * columns, columns, kw * c, c, 1)),
        )
        for sample in range(n):
            for start in range(0, ho, rows):
                count = min(rows, ho - start)
                np.copyto(target[:count], windows[sample, start : start + count])
                block = y[sample, start : start + count].reshape(count * wo, o)
                np.matmul(scratch[: count * wo], w[MATRIX], out=block)
                if finish is not None:
                    finish(block)
        return (y,)

    return run


def _on_rows(finish: Callable[[Rows], None] | None, length: int) -> Callable[[Rows], None] | None:
    """Let an epilogue see a block as rows of whole maps' width."""
    if finish is None:
        return None
    return lambda block: finish(block.reshape(-1, length))


def bordered(x: Rows, pads: tuple[int, int, int, int], value: float = 0.0) -> Rows:
    """Return a stored map with a border, or the map itself where there is none."""
    top, bottom, left, right = pads
    if not any(pads):
        return x
    n, h, w, c = x.shape
    y = np.full((n, h + top + bottom, w + left + right, c), value, np.float32)
    y[:, top : top + h, left : left + w] = x
    return y
