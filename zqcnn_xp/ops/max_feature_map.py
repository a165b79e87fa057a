"""The larger of two halves of the channels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["MaxFeatureMap"]


@dataclass(frozen=True)
class MaxFeatureMap(Op):
    """``y[:, c] = max(x[:, c], x[:, c + C/2])``, the activation of LightCNN (Wu et al. 2018).

    Examples
    --------
    >>> MaxFeatureMap().infer((1, 96, 128, 128))
    ((1, 48, 128, 128),)
    """

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape with half of the channels."""
        (shape,) = shapes
        if len(shape) < 2 or shape[1] % 2:
            msg = f"MaxFeatureMap: found shape {shape}, expected an even number of channels"
            raise ShapeError(msg)
        return ((shape[0], shape[1] // 2, *shape[2:]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Compare the halves."""
        (x,) = xs
        axis = storage_axis(1, x.ndim)
        half = x.shape[axis] // 2
        low: list[Any] = [slice(None)] * x.ndim
        high = list(low)
        low[axis], high[axis] = slice(0, half), slice(half, 2 * half)
        return (xp.maximum(x[tuple(low)], x[tuple(high)]),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element of the result."""
        return prod(self.infer(*shapes)[0])
