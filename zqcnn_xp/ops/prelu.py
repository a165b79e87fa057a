"""Rectifier with a learned slope per channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.ops.base import Array, Op, Shape, Weights, per_channel

__all__ = ["PReLU"]


@dataclass(frozen=True)
class PReLU(Op):
    """``x`` where positive, ``slope[c] * x`` elsewhere (He et al. 2015).

    Parameters
    ----------
    shared
        One slope for all channels: ``slope`` has shape (1,) instead of (C,).

    Examples
    --------
    >>> import numpy as np
    >>> PReLU().forward(np, {"slope": np.float32([0.5, 2])}, np.float32([[-2, -2], [3, 3]]))[0]
    array([[-1., -4.],
           [ 3.,  3.]], dtype=float32)
    """

    shared: bool = False

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``slope`` (C,) or (1,)."""
        return {"slope": (1 if self.shared else shapes[0][1],)}

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        return shapes

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Scale what is not positive."""
        (x,) = xs
        slope = w["slope"] if self.shared else per_channel(xp, w["slope"], x.ndim)
        return (xp.where(x > 0, x, x * slope),)

    def muladds(self, *shapes: Shape) -> int:
        """Three per element, as ZQCNN counts."""
        return 3 * prod(shapes[0])
