"""Batch normalisation with fixed statistics."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, per_channel

__all__ = ["BatchNorm"]


@dataclass(frozen=True)
class BatchNorm(Op):
    """``y = x * b + (bias - mean * b)`` with ``b = scale / sqrt(max(variance + eps, 1e-32))``.

    Ioffe and Szegedy 2015, at inference. The floor under the root keeps a variance of zero
    with ``eps=0``, which published models hold, from giving infinities.

    Parameters
    ----------
    eps
        Added to the variance.
    scale, bias
        Whether these weights exist; without them they are 1 and 0.

    Notes
    -----
    Weights: ``mean``, ``variance`` and, where on, ``scale`` and ``bias``, all (C,) float32.

    Examples
    --------
    >>> import numpy as np
    >>> op = BatchNorm(scale=False, bias=False)
    >>> w = {"mean": np.float32([1, 2]), "variance": np.float32([4, 1])}
    >>> op.forward(np, w, np.float32([[3, 3]]))[0]
    array([[1., 1.]], dtype=float32)
    """

    full_precision: ClassVar[bool] = True

    eps: float = 0.0
    scale: bool = True
    bias: bool = True

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``mean``, ``variance`` and, where on, ``scale`` and ``bias``: (C,) each."""
        c = self.infer(*shapes)[0][1]
        found: dict[str, Shape] = {"mean": (c,), "variance": (c,)}
        if self.scale:
            found["scale"] = (c,)
        if self.bias:
            found["bias"] = (c,)
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape; it has channels, so at least two dimensions."""
        (shape,) = shapes
        if len(shape) < 2:
            msg = f"BatchNorm: found an input of shape {shape}, expected a channel axis 1"
            raise ShapeError(msg)
        return (shape,)

    def factor_offset(self, xp: Any, w: Weights) -> tuple[Array, Array]:
        """Return ``b`` and ``a`` of ``y = b * x + a``, (C,) each.

        Folding into a convolution takes the same two vectors, so it changes only rounding.
        """
        b = 1.0 / xp.sqrt(xp.clip(w["variance"] + self.eps, min=1e-32))
        if self.scale:
            b = w["scale"] * b
        shift = w["mean"] * b
        return b, (w["bias"] - shift if self.bias else -shift)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Apply the factor and the offset in the dtype of the input."""
        (x,) = xs
        b, a = self.factor_offset(xp, w)
        return (x * per_channel(xp, b, x.ndim) + per_channel(xp, a, x.ndim),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        return prod(shapes[0])
