"""Reorder the axes of a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Transpose"]


@dataclass(frozen=True)
class Transpose(Op):
    """Axis ``i`` of the result is axis ``perm[i]`` of the input (both logical).

    Parameters
    ----------
    perm
        A permutation of all axes.

    Raises
    ------
    InputError
        If ``perm`` is no permutation of 0 ... len(perm) - 1.

    Examples
    --------
    >>> Transpose((0, 2, 3, 1)).infer((1, 12, 30, 40))
    ((1, 30, 40, 12),)
    """

    perm: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.perm) != list(range(len(self.perm))):
            msg = f"Transpose: found perm {self.perm}, expected each axis from 0 up exactly once"
            raise InputError(msg)
        if self.perm and self.perm[0] != 0:
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the sizes in their new order."""
        (shape,) = shapes
        if len(shape) != len(self.perm):
            msg = f"Transpose: found shape {shape}, expected {len(self.perm)} dimensions"
            raise ShapeError(msg)
        return (tuple(shape[axis] for axis in self.perm),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """One permutation of the stored axes: a view where the namespace has views."""
        (x,) = xs
        if x.ndim != 4:
            return (xp.permute_dims(x, self.perm),)
        # Stored axis k of the result is its logical axis (0, 2, 3, 1)[k].
        axes = tuple(storage_axis(self.perm[axis], 4) for axis in (0, 2, 3, 1))
        return (x if axes == (0, 1, 2, 3) else xp.permute_dims(x, axes),)
