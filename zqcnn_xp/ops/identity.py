"""The op that hands its input on: dropout at inference, copies, renamed values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Identity"]


@dataclass(frozen=True)
class Identity(Op):
    """Return the input itself.

    Examples
    --------
    >>> Identity().infer((1, 3, 12, 12))
    ((1, 3, 12, 12),)
    """

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        (shape,) = shapes
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Return the input."""
        (x,) = xs
        return (x,)
