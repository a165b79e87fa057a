"""Softmax along any axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Softmax"]


@dataclass(frozen=True)
class Softmax(Op):
    """``exp(x - max) / sum(exp(x - max))`` along one axis.

    Parameters
    ----------
    axis
        Logical axis: 1 is the channels of NCHW; negative counts from the end.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax(axis=1).forward(np, {}, np.float32([[0, 0], [1000, 0]]))[0]
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """

    full_precision: ClassVar[bool] = True

    axis: int = 1

    def __post_init__(self) -> None:
        if self.axis in (0, -4):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        (shape,) = shapes
        if not -len(shape) <= self.axis < len(shape):
            msg = f"Softmax: found axis {self.axis}, expected an axis of the shape {shape}"
            raise ShapeError(msg)
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Subtract the largest, so that no exponential overflows."""
        (x,) = xs
        axis = storage_axis(self.axis, x.ndim)
        if x.shape[axis] == 0:
            return (x,)
        e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
        return (e / xp.sum(e, axis=axis, keepdims=True),)
