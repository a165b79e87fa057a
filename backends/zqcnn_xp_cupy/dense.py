"""Fully connected layers: cuBLAS and one finishing pass."""

from __future__ import annotations

from math import prod

from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp_cupy.epilogue import Epilogue
from zqcnn_xp_cupy.gemm import Matrix
from zqcnn_xp_cupy.launch import LIMIT, is_wide
from zqcnn_xp_cupy.tools import Native, Tools

__all__ = ["DenseProduct", "plan_dense"]


def plan_dense(tools: Tools, op: Dense, shape: Shape) -> Native | None:
    """Return a native kernel for an input of logical ``shape``, or None for the reference."""
    # At other ranks the channels of a fused PReLU are not the last stored axis.
    if len(shape) not in (2, 4):
        return None
    features = prod(shape[1:])
    if features == 0 or op.out_features == 0 or is_wide(features, op.out_features):
        return None
    return DenseProduct(tools, op, shape)


class DenseProduct:
    """(N, F) times (F, O); a stored map is already (N, H*W*C) in the order of the weights."""

    def __init__(self, tools: Tools, op: Dense, shape: Shape) -> None:
        self._tools = tools
        self._epilogue = Epilogue.of(op.activation, bias=op.bias)
        self._samples = shape[0]
        self._features = prod(shape[1:])
        self._columns = op.out_features
        self._out = storage_shape(op.infer(shape)[0])

    def __call__(self, w: Weights, x: Array) -> Array:
        """Multiply; cuBLAS counts rows with 32 bits."""
        tools = self._tools
        y = tools.empty(self._out)
        features, columns = self._features, self._columns
        b = Matrix(w["weight"], columns)
        for first in range(0, self._samples, LIMIT):
            rows = min(LIMIT, self._samples - first)
            a = Matrix(x, features, offset=first * features)
            c = Matrix(y, columns, offset=first * columns)
            tools.gemm(a, b, c, rows, features, columns)
        self._epilogue.in_place(tools.launch, w, y, columns)
        return self._epilogue.remaining(tools.xp, w, y)
