"""Merge neighbouring axes into one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape, to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Flatten"]


@dataclass(frozen=True)
class Flatten(Op):
    """Merge the logical axes ``axis`` to ``end_axis``, both included, in logical order.

    Parameters
    ----------
    axis, end_axis
        First and last axis; negative counts from the end.
    form
        What the result looks like: ``"keep"`` appends sizes of 1 until the rank is the
        input's (ZQCNN), ``"drop"`` does not (Caffe), ``"matrix"`` always gives two axes, all
        before ``axis`` and all from it on, and does not look at ``end_axis`` (ONNX).

    Examples
    --------
    >>> Flatten().infer((2, 8, 3, 3))
    ((2, 72, 1, 1),)
    >>> Flatten(form="drop").infer((2, 8, 3, 3))
    ((2, 72),)
    >>> Flatten(axis=2, form="matrix").infer((2, 8, 3, 3))
    ((16, 9),)
    """

    axis: int = 1
    end_axis: int = -1
    form: Literal["keep", "drop", "matrix"] = "keep"

    def __post_init__(self) -> None:
        if self.form not in ("keep", "drop", "matrix"):
            msg = f"Flatten: found form {self.form!r}, expected 'keep', 'drop' or 'matrix'"
            raise InputError(msg)
        # A batch axis that is merged into others is no batch axis any more.
        if self.axis == 0 or (self.form == "matrix" and self.axis != 1):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the merged shape."""
        (shape,) = shapes
        rank = len(shape)
        if self.form == "matrix":
            if not -rank <= self.axis <= rank:
                msg = f"Flatten: found axis {self.axis}, expected one of the shape {shape}"
                raise ShapeError(msg)
            axis = self.axis + rank if self.axis < 0 else self.axis
            return ((prod(shape[:axis]), prod(shape[axis:])),)
        first = self.axis + rank if self.axis < 0 else self.axis
        last = self.end_axis + rank if self.end_axis < 0 else self.end_axis
        if not 0 <= first <= last < rank:
            msg = (
                f"Flatten: found axes {self.axis} to {self.end_axis}, "
                f"expected a range of axes of the shape {shape}"
            )
            raise ShapeError(msg)
        merged = (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
        return ((*merged, *(1,) * (rank - len(merged))) if self.form == "keep" else merged,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Reshape in logical order; a copy only where the storage is in another order."""
        (x,) = xs
        shape = self.infer(logical_shape(x))[0]
        return (to_storage(xp, xp.reshape(to_logical(xp, x), shape)),)
