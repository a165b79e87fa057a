"""A factor and an offset per channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, per_channel

__all__ = ["Scale"]


@dataclass(frozen=True)
class Scale(Op):
    """``y = x * scale[c] + bias[c]``.

    Parameters
    ----------
    scale
        Whether there is a factor, the weight ``scale`` (C,).
    bias
        Whether there is an offset, the weight ``bias`` (C,). Without ``scale`` the op is
        what ZQCNN calls AddBias.

    Raises
    ------
    InputError
        If both are off.

    Examples
    --------
    >>> import numpy as np
    >>> weights = {"scale": np.float32([2, 3]), "bias": np.float32([0, 1])}
    >>> Scale().forward(np, weights, np.float32([[1, 1]]))[0]
    array([[2., 4.]], dtype=float32)
    """

    scale: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        if not (self.scale or self.bias):
            msg = "Scale: found neither scale nor bias, expected at least one (or an Identity)"
            raise InputError(msg)

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``scale`` (C,) and ``bias`` (C,), those that are on."""
        c = self.infer(*shapes)[0][1]
        found: dict[str, Shape] = {}
        if self.scale:
            found["scale"] = (c,)
        if self.bias:
            found["bias"] = (c,)
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape; it has channels, so at least two dimensions."""
        (shape,) = shapes
        if len(shape) < 2:
            msg = f"Scale: found an input of shape {shape}, expected a channel axis 1"
            raise ShapeError(msg)
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Multiply, then add."""
        (x,) = xs
        if self.scale:
            x = x * per_channel(xp, w["scale"], x.ndim)
        if self.bias:
            x = x + per_channel(xp, w["bias"], x.ndim)
        return (x,)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        return prod(shapes[0])
