"""Fully connected layer with a fused epilogue."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(Op):
    """Matrix product over everything but the batch, then bias and an optional activation.

    Parameters
    ----------
    out_features
        Length O of the result.
    bias
        Whether there is a ``bias`` weight (O,).
    activation
        An element-wise op (`Activation`, `PReLU`) applied to the result; its weights sit
        beside this op's own.

    Notes
    -----
    A map (N, C, H, W) gives (N, O, 1, 1); its ``weight`` is stored (H, W, C, O), so that it
    meets the channels-last map without a copy. Any other rank, (..., F), gives (..., O) with
    ``weight`` (F, O).

    Examples
    --------
    >>> Dense(128).infer((4, 64, 3, 3))
    ((4, 128, 1, 1),)
    >>> Dense(128).weights((4, 64, 3, 3))
    {'weight': (3, 3, 64, 128), 'bias': (128,)}
    >>> Dense(10).infer((4, 128))
    ((4, 10),)
    """

    out_features: int
    bias: bool = True
    activation: Op | None = None

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``weight``, ``bias`` (O,) where on, and the activation's."""
        (shape,) = shapes
        out = self.infer(shape)
        found: dict[str, Shape] = {"weight": (shape[-1], self.out_features)}
        if len(shape) == 4:
            _, c, h, width = shape
            found["weight"] = (h, width, c, self.out_features)
        if self.bias:
            found["bias"] = (self.out_features,)
        if self.activation is not None:
            found.update(self.activation.weights(*out))
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, O, 1, 1) for a map, (..., O) otherwise."""
        (shape,) = shapes
        if len(shape) < 2:
            msg = f"Dense: found an input of shape {shape}, expected at least two dimensions"
            raise ShapeError(msg)
        if len(shape) == 4:
            return ((shape[0], self.out_features, 1, 1),)
        return ((*shape[:-1], self.out_features),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """One matrix product."""
        (x,) = xs
        weight = w["weight"]
        if x.ndim == 4:
            n, h, width, c = x.shape
            features = h * width * c
            x = xp.reshape(x, (n, features))
            y = xp.matmul(x, xp.reshape(weight, (features, self.out_features)))
            y = xp.reshape(y, (n, 1, 1, self.out_features))
        else:
            y = xp.matmul(x, weight)
        if self.bias:
            y = y + w["bias"]
        if self.activation is not None:
            (y,) = self.activation.forward(xp, w, y)
        return (y,)

    def muladds(self, *shapes: Shape) -> int:
        """O for each input element; a bias is not counted, a fused activation is."""
        (shape,) = shapes
        total = prod(shape) * self.out_features
        if self.activation is not None:
            total += self.activation.muladds(*self.infer(shape))
        return total
