"""Scale to unit Euclidean length, then by a learned factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, per_channel

__all__ = ["L2Normalize"]


@dataclass(frozen=True)
class L2Normalize(Op):
    """``y = x * scale[c] / sqrt(sum(x^2) + eps)`` (ParseNet, Liu et al. 2015; SSD).

    Parameters
    ----------
    across_spatial
        Sum over C, H and W; otherwise over C at each pixel.
    eps
        Added to the sum of squares.
    shared
        One factor for all channels: ``scale`` has shape (1,) instead of (C,).

    Examples
    --------
    >>> import numpy as np
    >>> L2Normalize(eps=0.0).forward(np, {"scale": np.float32([5, 10])}, np.float32([[3, 4]]))[0]
    array([[3., 8.]], dtype=float32)
    """

    full_precision: ClassVar[bool] = True

    across_spatial: bool = False
    eps: float = 1e-10
    shared: bool = False

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``scale`` (C,) or (1,)."""
        (shape,) = self.infer(*shapes)
        return {"scale": (1 if self.shared else shape[1],)}

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape; it has channels, so at least two dimensions."""
        (shape,) = shapes
        if len(shape) < 2:
            msg = f"L2Normalize: found an input of shape {shape}, expected a channel axis 1"
            raise ShapeError(msg)
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Divide by the length, multiply by the factor."""
        (x,) = xs
        if self.across_spatial:
            axes = tuple(range(1, x.ndim))
        else:
            axes = (x.ndim - 1,) if x.ndim in (2, 4) else (1,)
        length = xp.sqrt(xp.sum(x * x, axis=axes, keepdims=True) + self.eps)
        scale = w["scale"] if self.shared else per_channel(xp, w["scale"], x.ndim)
        return (x / length * scale,)
