"""Depthwise convolution: shifted rows multiplied and added in blocks that stay in the cache."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.conv import bordered
from zqcnn_xp_numpy.epilogue import Rows, epilogue

__all__ = ["depthwise_kernel"]

# Floats of one block of output rows; its accumulator and one product live in L2 together.
BLOCK = 1 << 15


def depthwise_kernel(op: Conv2D, shape: Shape) -> Kernel:
    """Return a kernel for a convolution with one channel per group, at this logical shape."""
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
