"""Cut a value to the size of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape, storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Crop"]


@dataclass(frozen=True)
class Crop(Op):
    """Cut the first input to the second one's sizes, from a logical axis on (Caffe, MXNet).

    Parameters
    ----------
    axis
        First axis that is cut; those before it stay as they are.
    offsets
        First cell taken along each axis that is cut; one number serves them all.
    center
        Take the middle, half the rest (rounded down) before it, whatever ``offsets`` says.

    Raises
    ------
    InputError
        If an attribute is negative.

    Examples
    --------
    >>> Crop(2, (1, 3)).infer((1, 8, 10, 10), (1, 5, 4, 7))
    ((1, 8, 4, 7),)
    """

    axis: int = 2
    offsets: tuple[int, ...] = (0,)
    center: bool = False

    def __post_init__(self) -> None:
        if self.axis < 0 or not self.offsets or min(self.offsets) < 0:
            msg = (
                f"Crop: found axis {self.axis}, offsets {self.offsets}, expected an axis from 0 "
                "up and at least one offset from 0 up"
            )
            raise InputError(msg)
        if self.axis == 0:
            object.__setattr__(self, "mixes_batch", True)

    def starts(self, shape: Shape, like: Shape) -> list[int]:
        """Return the first cell taken along each axis that is cut."""
        count = len(shape) - self.axis
        if self.center:
            rest = zip(shape[self.axis :], like[self.axis :], strict=True)
            return [(size - wanted) // 2 for size, wanted in rest]
        return list(self.offsets * count if len(self.offsets) == 1 else self.offsets)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the first shape with the second one's sizes from ``axis`` on."""
        if len(shapes) != 2 or len(shapes[0]) != len(shapes[1]) or self.axis >= len(shapes[0]):
            msg = (
                f"Crop: found inputs of shapes {', '.join(map(str, shapes))} and axis "
                f"{self.axis}, expected two of one rank, above the axis"
            )
            raise ShapeError(msg)
        shape, like = shapes
        starts = self.starts(shape, like)
        sizes = list(zip(shape[self.axis :], like[self.axis :], strict=True))
        if len(starts) != len(sizes) or any(
            start < 0 or start + wanted > size
            for start, (size, wanted) in zip(starts, sizes, strict=True)
        ):
            msg = f"Crop: found {like} at {starts}, expected a part of {shape}"
            raise ShapeError(msg)
        return ((*shape[: self.axis], *like[self.axis :]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Index the stored axes; of the second input only the shape counts."""
        x, like = xs
        shape, wanted = logical_shape(x), logical_shape(like)
        index: list[Any] = [slice(None)] * x.ndim
        for place, start in enumerate(self.starts(shape, wanted), self.axis):
            index[storage_axis(place, x.ndim)] = slice(start, start + wanted[place])
        return (x[tuple(index)],)
