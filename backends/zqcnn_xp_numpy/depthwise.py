"""Depthwise convolution: shifted rows multiplied and added in blocks that stay in the cache."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.conv import bordered
from zqcnn_xp_numpy.epilogue import Rows, epilogue

__all__ = ["depthwise_kernel"]

# Floats of one block of output rows; its accumulator and one product live in L2 together.
BLOCK = 1 << 16
# From so many channels on, einsum's loop over a pixel's channels, which multiplies and adds in one
# pass, beats ufuncs over whole rows; below, its cost per pixel outweighs that. Measured.
MANY = 96


def depthwise_kernel(op: Conv2D, shape: Shape) -> Kernel:
    """Return a kernel for a convolution with one channel per group, at this logical shape."""
    return _by_pixels(op, shape) if shape[1] >= MANY else _by_rows(op, shape)


def _by_pixels(op: Conv2D, shape: Shape) -> Kernel:
    n, c, h, width = shape
    _, _, ho, wo = op.infer(shape)[0]
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    pads = op.padding(h, width)
    rows = min(max(BLOCK // max(wo * c, 1), 1), max(ho, 1))

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        y = np.empty((n, ho, wo, c), np.float32)
        x = bordered(x, pads)
        s0, s1, s2, s3 = x.strides
        windows = as_strided(
            x, (n, ho, wo, kh, kw, c), (s0, s1 * sy, s2 * sx, s1 * dy, s2 * dx, s3), writeable=False
        )
        kernel = w["weight"][:, :, 0]
        finish = epilogue(op.activation, w, wo)
        for sample in range(n):
            for start in range(0, ho, rows):
                block = y[sample, start : start + rows]
                some = windows[sample, start : start + rows]
                # Without ``out`` it would sum in another order of axes, at ten times the cost.
                np.einsum("yxijc,ijc->yxc", some, kernel, out=block)
                if op.bias:
                    block += w["bias"]
                if finish is not None:
                    finish(block.reshape(-1, wo * c))
        return (y,)

    return run


def _by_rows(op: Conv2D, shape: Shape) -> Kernel:
    n, c, h, width = shape
    _, _, ho, wo = op.infer(shape)[0]
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    pads = op.padding(h, width)
    rows = min(max(BLOCK // max(wo * c, 1), 1), max(ho, 1))

    def run(w: Weights, x: Rows) -> tuple[Rows, ...]:
        y = np.empty((n, ho, wo * c), np.float32)
        x = bordered(x, pads)
        # One row of weights per kernel cell, as long as an output row: see `epilogue`.
        cells = [np.tile(k, wo) for k in w["weight"].reshape(kh * kw, c)]
        bias = np.tile(w["bias"], wo) if op.bias else None
        finish = epilogue(op.activation, w, wo)
        product = np.empty((rows, wo * c), np.float32)
        full = x.shape[2] * c
        for sample in range(n):
            lines = np.ascontiguousarray(x[sample]).reshape(-1, full)
            for start in range(0, ho, rows):
                block = y[sample, start : start + rows]
                count = block.shape[0]
                for cell, weight in enumerate(cells):
                    i, j = divmod(cell, kw)
                    first = start * sy + i * dy
                    view = lines[first : first + (count - 1) * sy + 1 : sy]
                    if sx == 1:
                        view = view[:, j * dx * c : (j * dx + wo) * c]
                    else:
                        pixels = view.reshape(count, -1, c)
                        view = pixels[:, j * dx : j * dx + (wo - 1) * sx + 1 : sx].reshape(
                            count, wo * c
                        )
                    if cell == 0:
                        np.multiply(view, weight, out=block)
                    else:
                        np.multiply(view, weight, out=product[:count])
                        block += product[:count]
                if bias is not None:
                    block += bias
                if finish is not None:
                    finish(block)
        return (y.reshape(n, ho, wo, c),)

    return run
