"""Pooling in one pass, with every rule of `Pool2D`."""

from __future__ import annotations

from math import prod

import numpy as np

from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_cupy.launch import is_wide, pack_for
from zqcnn_xp_cupy.tools import Native, Tools

__all__ = ["Pool", "plan_pool"]

# Beyond this many cells one thread per channel is slower than CuPy's tree reduction.
_LARGEST_WINDOW = 4096


def plan_pool(tools: Tools, op: Pool2D, shape: Shape) -> Native | None:
    """Return a native kernel for an input of logical ``shape``, or None for the reference."""
    _, c, h, w = shape
    pads = (0, 0, 0, 0) if op.kernel is None else op.padding(h, w)
    kernel = op.kernel or (h, w)
    if min(c, h, w) == 0 or min(pads) < 0 or op.dilation != (1, 1):
        return None
    if op.kernel is None and h * w > _LARGEST_WINDOW:
        return None
    # A window under ceil rounding reaches at most one kernel beyond the padded map.
    reach = (h + pads[0] + pads[1] + kernel[0], w + pads[2] + pads[3] + kernel[1])
    if is_wide(*reach, *op.stride, c):
        return None
    return Pool(tools, op, shape, kernel, pads)


class Pool:
    """Maximum or mean, one thread per output pixel and pack of channels."""

    def __init__(
        self,
        tools: Tools,
        op: Pool2D,
        shape: Shape,
        kernel: tuple[int, int],
        pads: tuple[int, int, int, int],
    ) -> None:
        n, c, h, w = shape
        _, _, ho, wo = op.infer(shape)[0]
        self._tools = tools
        self._out = (n, ho, wo, c)
        self._wide = is_wide(n * h * w * c, prod(self._out))
        average = op.kind == "average"
        pad_zero = op.pad_value == "zero" and op.kernel is not None
        # The numbers that kernels/pool.cu documents.
        count = ("valid", "padded", "kernel").index(op.count)
        self._geometry = (
            h, w, c, ho, wo, *kernel, *op.stride, *pads, int(average), int(pad_zero), count,
        )  # fmt: skip

    def __call__(self, w: Weights, x: Array) -> Array:
        """Pool."""
        tools = self._tools
        y = tools.empty(self._out)
        pack = pack_for(self._out[3], x, y)
        kernel = tools.launch.variant("pool", wide=self._wide, pack=pack)
        total = prod(self._out) // pack
        tools.launch(kernel, total, x, y, np.int64(total), *self._geometry)
        return y
