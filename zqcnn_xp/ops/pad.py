"""Border a value with a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import device

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Pad"]


@dataclass(frozen=True)
class Pad(Op):
    """Add cells of one number before and after each logical axis.

    Parameters
    ----------
    pads
        (before, after) for each logical axis.
    value
        What the new cells hold.

    Raises
    ------
    InputError
        If a count is negative.

    Examples
    --------
    >>> Pad(((0, 0), (0, 0), (1, 0), (2, 2))).infer((1, 8, 5, 5))
    ((1, 8, 6, 9),)
    """

    pads: tuple[tuple[int, int], ...]
    value: float = 0.0

    def __post_init__(self) -> None:
        if any(len(sides) != 2 or min(sides) < 0 for sides in self.pads):
            msg = f"Pad: found pads {self.pads}, expected two counts of 0 or more for each axis"
            raise InputError(msg)
        if self.pads and self.pads[0] != (0, 0):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape with the new cells."""
        (shape,) = shapes
        if len(shape) != len(self.pads):
            msg = f"Pad: found shape {shape}, expected {len(self.pads)} dimensions"
            raise ShapeError(msg)
        return (tuple(s + a + b for s, (a, b) in zip(shape, self.pads, strict=True)),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Join blocks of the number to the value, axis by axis."""
        (x,) = xs
        for logical, (before, after) in enumerate(self.pads):
            axis = storage_axis(logical, x.ndim)
            parts = [self._block(xp, x, axis, before), x, self._block(xp, x, axis, after)]
            kept = [part for part in parts if part is not None]
            x = xp.concat(kept, axis=axis) if len(kept) > 1 else x
        return (x,)

    def _block(self, xp: Any, x: Array, axis: int, count: int) -> Array | None:
        if not count:
            return None
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        return xp.full(shape, self.value, dtype=x.dtype, device=device(x))
