"""Join values along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Concat"]


@dataclass(frozen=True)
class Concat(Op):
    """Join the inputs, in order, along a logical axis.

    Parameters
    ----------
    axis
        Logical axis; negative counts from the end. All other sizes must be equal.

    Examples
    --------
    >>> Concat(axis=1).infer((1, 8, 5, 5), (1, 3, 5, 5))
    ((1, 11, 5, 5),)
    """

    axis: int = 1

    def __post_init__(self) -> None:
        if self.axis in (0, -4):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape with the sizes along the axis added up."""
        rank = len(shapes[0]) if shapes else 0
        if not -rank <= self.axis < rank:
            found = shapes[0] if shapes else "no input"
            msg = f"Concat: found axis {self.axis} and {found}, expected an axis of the inputs"
            raise ShapeError(msg)
        axis = self.axis % rank
        rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
        if len(rest) > 1 or any(len(shape) != rank for shape in shapes):
            listed = ", ".join(map(str, shapes))
            msg = f"Concat: found shapes {listed}, expected equal sizes off axis {axis}"
            raise ShapeError(msg)
        total = sum(shape[axis] for shape in shapes)
        return ((*shapes[0][:axis], total, *shapes[0][axis + 1 :]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Join the stored arrays."""
        if len(xs) == 1:
            return (xs[0],)
        return (xp.concat(list(xs), axis=storage_axis(self.axis, xs[0].ndim)),)
