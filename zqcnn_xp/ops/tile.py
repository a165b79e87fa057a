"""Repeat a value along its axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Tile"]


@dataclass(frozen=True)
class Tile(Op):
    """Lay copies of a value side by side, as ``numpy.tile``.

    Parameters
    ----------
    repeats
        Copies along each logical axis, from 0 up.

    Raises
    ------
    InputError
        If a count is negative.

    Examples
    --------
    >>> Tile((1, 2, 1, 3)).infer((1, 4, 5, 6))
    ((1, 8, 5, 18),)
    """

    repeats: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(count < 0 for count in self.repeats):
            msg = f"Tile: found repeats {self.repeats}, expected counts from 0 up"
            raise InputError(msg)
        if self.repeats and self.repeats[0] != 1:
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the sizes times the counts."""
        (shape,) = shapes
        if len(shape) != len(self.repeats):
            msg = f"Tile: found an input of shape {shape}, expected {len(self.repeats)} dimensions"
            raise ShapeError(msg)
        return (tuple(size * count for size, count in zip(shape, self.repeats, strict=True)),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Tile the stored axes."""
        (x,) = xs
        return (xp.tile(x, storage_shape(self.repeats)),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element of the input, as ZQCNN counts."""
        return prod(shapes[0])
