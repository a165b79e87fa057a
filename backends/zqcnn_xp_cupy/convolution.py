"""Convolution: one pass for depthwise, im2col and cuBLAS for the rest."""

from __future__ import annotations

from math import prod

import numpy as np

from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_cupy.epilogue import Epilogue
from zqcnn_xp_cupy.gemm import Matrix
from zqcnn_xp_cupy.launch import LIMIT, is_wide, pack_for
from zqcnn_xp_cupy.tools import Native, Tools

__all__ = ["Depthwise", "MatrixConvolution", "plan_convolution"]

# Sizes whose loops are worth unrolling, each at the price of one more compilation.
_UNROLLED = ((3, 3), (5, 5))


def plan_convolution(tools: Tools, op: Conv2D, shape: Shape) -> Native | None:
    """Return a native kernel for an input of logical ``shape``, or None for the reference."""
    n, c, h, w = shape
    top, bottom, left, right = op.padding(h, w)
    sizes = (h + top + bottom, w + left + right, *op.stride, *op.dilation, *op.kernel)
    if min(c, op.out_channels, n) == 0 or min(top, bottom, left, right) < 0:
        return None
    # Inside a row, a column or a matrix the CUDA code counts with 32 bits.
    if is_wide(*sizes, prod(op.kernel) * c, op.out_channels):
        return None
    if op.groups == c:
        return Depthwise(tools, op, shape)
    return MatrixConvolution(tools, op, shape)


class Depthwise:
    """One input channel per group: memory-bound, so bias and activation ride along."""

    def __init__(self, tools: Tools, op: Conv2D, shape: Shape) -> None:
        n, c, h, w = shape
        _, o, ho, wo = op.infer(shape)[0]
        top, _, left, _ = op.padding(h, w)
        self._tools = tools
        self._epilogue = Epilogue.of(op.activation, bias=op.bias)
        self._out = (n, ho, wo, o)
        self._multiplier = o // c
        self._wide = is_wide(n * h * w * c, prod(self._out))
        kh, kw = op.kernel
        unroll = (f"-DKERNEL_H={kh}", f"-DKERNEL_W={kw}")
        self._defines = unroll if op.kernel in _UNROLLED else ()
        self._geometry = (
            h, w, o, self._multiplier, ho, wo, *op.kernel, *op.stride, *op.dilation, top, left,
        )  # fmt: skip

    def __call__(self, w: Weights, x: Array) -> Array:
        """Convolve."""
        tools = self._tools
        y = tools.empty(self._out)
        weight = w["weight"]
        pack = pack_for(self._out[3], x, weight, y) if self._multiplier == 1 else 1
        kernel = tools.launch.variant(
            "depthwise", wide=self._wide, pack=pack, defines=self._defines
        )
        epilogue = self._epilogue.arguments(w, weight)
        total = prod(self._out) // pack
        tools.launch(kernel, total, x, weight, y, *epilogue, np.int64(total), *self._geometry)
        return self._epilogue.remaining(tools.xp, w, y)


class MatrixConvolution:
    """Gather windows into a matrix, multiply, and finish in place.

    The matrix has kH*kW*C columns for each output pixel, many times the size of the map, so it
    is made for as many pixels at a time as fit into the workspace (always at least one). A 1x1
    convolution without stride and padding is already a matrix product over the map itself.
    """

    def __init__(self, tools: Tools, op: Conv2D, shape: Shape) -> None:
        n, c, h, w = shape
        _, o, ho, wo = op.infer(shape)[0]
        pads = op.padding(h, w)
        self._tools = tools
        self._epilogue = Epilogue.of(op.activation, bias=op.bias)
        self._out = (n, ho, wo, o)
        self._channels = c
        self._groups = op.groups
        self._group_channels = c // op.groups
        self._inner = prod(op.kernel) * self._group_channels
        self._pixels = n * ho * wo
        self._map = n * h * w * c
        self.direct = op.kernel == (1, 1) and op.stride == (1, 1) and pads == (0, 0, 0, 0)
        row = 4 * self._groups * self._inner
        self.chunk = LIMIT if self.direct else min(max(tools.workspace // row, 1), LIMIT)
        self._geometry = (
            h, w, c, self._group_channels, ho, wo,
            *op.kernel, *op.stride, *op.dilation, pads[0], pads[2],
        )  # fmt: skip

    def __call__(self, w: Weights, x: Array) -> Array:
        """Convolve, chunk by chunk."""
        tools = self._tools
        y = tools.empty(self._out)
        rows = min(self.chunk, self._pixels)
        columns = None if self.direct else tools.empty((self._groups * rows * self._inner,))
        for first in range(0, self._pixels, max(rows, 1)):
            count = min(rows, self._pixels - first)
            if columns is None:
                c = self._channels
                a = Matrix(x, c, self._group_channels, first * c)
            else:
                self._gather(x, columns, first, count)
                a = Matrix(columns, self._inner, count * self._inner)
            self._multiply(a, w["weight"], y, first, count)
        self._epilogue.in_place(tools.launch, w, y, self._out[3])
        return self._epilogue.remaining(tools.xp, w, y)

    def _gather(self, x: Array, columns: Array, first: int, count: int) -> None:
        tools = self._tools
        pack = pack_for(self._group_channels, x, columns)
        total = self._groups * count * self._inner // pack
        wide = is_wide(self._map, self._pixels, total * pack)
        kernel = tools.launch.variant("im2col", wide=wide, pack=pack)
        counts = (np.int64(total), np.int64(first), np.int64(count))
        tools.launch(kernel, total, x, columns, *counts, *self._geometry)

    def _multiply(self, a: Matrix, weight: Array, y: Array, first: int, count: int) -> None:
        o = self._out[3]
        per_group = o // self._groups
        b = Matrix(weight, o, per_group)
        c = Matrix(y, o, per_group, first * o)
        self._tools.gemm(a, b, c, count, self._inner, per_group, self._groups)
