"""Sum, mean, maximum or minimum along axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import storage_axis, to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Reduce"]


@dataclass(frozen=True)
class Reduce(Op):
    """Fold a value along logical axes.

    Parameters
    ----------
    kind
        ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.
    axes
        Logical axes from 0 up, without doubles; None is all of them, ``()`` none.
    keepdims
        Leave axes of size 1 behind; otherwise they go, and the result has a smaller rank.

    Raises
    ------
    InputError
        If the kind is unknown, or an axis is negative or given twice.

    Examples
    --------
    >>> Reduce("mean", (2, 3)).infer((1, 8, 5, 5))
    ((1, 8, 1, 1),)
    >>> Reduce("mean", (2, 3), keepdims=False).infer((1, 8, 5, 5))
    ((1, 8),)
    """

    kind: Literal["sum", "mean", "max", "min"]
    axes: tuple[int, ...] | None = None
    keepdims: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("sum", "mean", "max", "min"):
            msg = f"Reduce: found kind {self.kind!r}, expected 'sum', 'mean', 'max' or 'min'"
            raise InputError(msg)
        axes = self.axes or ()
        if any(axis < 0 for axis in axes) or len(set(axes)) != len(axes):
            msg = f"Reduce: found axes {axes}, expected different axes from 0 up"
            raise InputError(msg)
        # Where the first axis goes away, the next one takes its place and is no batch.
        if self.axes is None or 0 in self.axes:
            object.__setattr__(self, "mixes_batch", True)

    def _folded(self, rank: int) -> tuple[int, ...]:
        return tuple(range(rank)) if self.axes is None else self.axes

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape with sizes of 1, or without the axes."""
        (shape,) = shapes
        axes = self._folded(len(shape))
        if any(axis >= len(shape) for axis in axes):
            msg = f"Reduce: found axes {axes}, expected axes of the shape {shape}"
            raise ShapeError(msg)
        if self.kind != "sum" and not prod(shape[axis] for axis in axes):
            msg = f"Reduce: found nothing to take the {self.kind} of in {shape}, expected cells"
            raise ShapeError(msg)
        if self.keepdims:
            return (tuple(1 if k in axes else size for k, size in enumerate(shape)),)
        return (tuple(size for k, size in enumerate(shape) if k not in axes),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Fold the stored axes; where they go, the others return to logical order."""
        (x,) = xs
        axes = self._folded(x.ndim)
        stored = tuple(storage_axis(axis, x.ndim) for axis in axes)
        y = getattr(xp, self.kind)(x, axis=stored, keepdims=True) if axes else x
        if self.keepdims or not axes:
            return (y,)
        logical = to_logical(xp, y)
        sizes = tuple(size for k, size in enumerate(logical.shape) if k not in axes)
        return (to_storage(xp, xp.reshape(logical, sizes)),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element of the input."""
        return prod(shapes[0])
