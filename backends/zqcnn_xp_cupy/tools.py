"""What every native kernel of this plugin is given, and the frame it runs in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp_cupy.gemm import Gemm
from zqcnn_xp_cupy.launch import Launcher, contiguous
from zqcnn_xp_cupy.scope import Scope

__all__ = ["Framed", "Native", "Tools"]

Native = Callable[[Weights, Array], Array]
"""One input, one output; float32, contiguous, of the planned shape, inside the scope."""


@dataclass(frozen=True)
class Tools:
    """The module, the array namespace and the services that kernels share.

    Parameters
    ----------
    workspace
        Bytes that the im2col matrix of one call may take.
    """

    cupy: Any
    xp: Any
    launch: Launcher
    gemm: Gemm
    scope: Scope
    workspace: int

    def empty(self, shape: Shape) -> Array:
        """Return an uninitialised float32 array on the current device."""
        return self.cupy.empty(shape, dtype=np.float32)


class Framed:
    """Run a native kernel on the right device and stream, on inputs it can address.

    The CUDA code trusts shapes, so an input of another shape than the planned one is refused
    here. Other dtypes than float32 take the reference.
    """

    def __init__(self, tools: Tools, op: Op, shape: Shape, native: Native) -> None:
        self._tools = tools
        self._op = op
        self._stored = storage_shape(shape)
        self._weights = op.weights(shape)
        self.native = native

    def __call__(self, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Compute the op's one output.

        Raises
        ------
        ShapeError
            If the input or a weight has another shape than the one planned for.
        """
        (x,) = xs
        self._check("input", x, self._stored)
        for name, shape in self._weights.items():
            self._check(name, w[name], shape)
        tools = self._tools
        with tools.scope():
            if any(a.dtype != np.float32 for a in (x, *w.values())):
                return self._op.forward(tools.xp, w, x)
            flat = {name: contiguous(tools.cupy, value) for name, value in w.items()}
            return (self.native(flat, contiguous(tools.cupy, x)),)

    def _check(self, what: str, array: Array, shape: Shape) -> None:
        if tuple(array.shape) != shape:
            kind = type(self._op).__name__
            msg = f"{kind}: found {what} stored as {tuple(array.shape)}, expected {shape}"
            raise ShapeError(msg)
