"""A value that is known beforehand, where an op wants a computed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Constant"]


@dataclass(frozen=True)
class Constant(Op):
    """The weight ``value``, once for each sample of the input; the input's elements do not matter.

    Parameters
    ----------
    shape
        Logical sizes behind the batch axis.

    Raises
    ------
    InputError
        If a size is negative.

    Notes
    -----
    ``value`` is (1, *shape) in logical order, so (1, C, H, W) for a map.

    Examples
    --------
    >>> Constant((2, 400, 1)).infer((3, 8, 5, 5))
    ((3, 2, 400, 1),)
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(size < 0 for size in self.shape):
            msg = f"Constant: found shape {self.shape}, expected sizes of 0 or more"
            raise InputError(msg)

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``value`` (1, ...)."""
        return {"value": (1, *self.shape)}

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape behind the input's batch."""
        (shape,) = shapes
        if not shape:
            msg = "Constant: found an input without axes, expected a batch axis"
            raise ShapeError(msg)
        return ((shape[0], *self.shape),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Repeat the value for each sample."""
        (x,) = xs
        value = to_storage(xp, w["value"])
        return (xp.broadcast_to(value, (x.shape[0], *value.shape[1:])),)
