"""Take a range of one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Slice"]


@dataclass(frozen=True)
class Slice(Op):
    """``x[..., start:stop:step, ...]`` along a logical axis, with Python's rules for the range.

    Parameters
    ----------
    axis
        Logical axis; negative counts from the end.
    start, stop
        Range; negative counts from the end, a ``stop`` of None takes the rest.
    step
        Distance of the cells taken, at least 1.

    Raises
    ------
    InputError
        If ``step`` is less than 1.

    Examples
    --------
    >>> Slice(1, 0, 24).infer((1, 48, 5, 5))
    ((1, 24, 5, 5),)
    """

    axis: int
    start: int = 0
    stop: int | None = None
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            msg = f"Slice: found step {self.step}, expected 1 or more"
            raise InputError(msg)
        if self.axis in (0, -4):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape with the size of the range."""
        (shape,) = shapes
        rank = len(shape)
        if not -rank <= self.axis < rank:
            msg = f"Slice: found axis {self.axis}, expected an axis of the shape {shape}"
            raise ShapeError(msg)
        axis = self.axis % rank
        count = len(range(*slice(self.start, self.stop, self.step).indices(shape[axis])))
        return ((*shape[:axis], count, *shape[axis + 1 :]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Index the stored axis."""
        (x,) = xs
        axis = storage_axis(self.axis, x.ndim)
        # Bounds are clamped here: the standard leaves what is out of range open.
        first, last, step = slice(self.start, self.stop, self.step).indices(x.shape[axis])
        index = [slice(None)] * x.ndim
        index[axis] = slice(first, max(first, last), step)
        return (x[tuple(index)],)
