"""Give the elements another shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape, to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Reshape"]


@dataclass(frozen=True)
class Reshape(Op):
    """Replace the axes ``axis`` to ``axis + num_axes - 1`` by ``dims``, in logical order.

    Parameters
    ----------
    dims
        The new sizes; 0 copies the input's size at the same place, -1 (at most one) takes
        what is left.
    axis
        First axis replaced; negative counts from the end.
    num_axes
        How many are replaced; -1 is all that follow.
    allow_zero
        Take a 0 in ``dims`` as a size of zero (ONNX ``allowzero``).

    Raises
    ------
    InputError
        If a size is below -1, or more than one is -1.

    Examples
    --------
    >>> Reshape((0, -1, 2, 1)).infer((1, 8840, 1, 1))
    ((1, 4420, 2, 1),)
    >>> Reshape((3, -1), axis=1, num_axes=1).infer((2, 12, 5, 5))
    ((2, 3, 4, 5, 5),)
    """

    dims: tuple[int, ...]
    axis: int = 0
    num_axes: int = -1
    allow_zero: bool = False

    def __post_init__(self) -> None:
        if any(size < -1 for size in self.dims) or self.dims.count(-1) > 1:
            msg = (
                f"Reshape: found dims {self.dims}, expected sizes, "
                "0 for a copied one and at most one -1"
            )
            raise InputError(msg)
        # Only a copied first axis surely stays the batch.
        copied = self.dims[:1] == (0,) and not self.allow_zero
        if self.axis <= 0 and not (self.axis == 0 and copied):
            object.__setattr__(self, "mixes_batch", True)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the new shape; it has as many elements as the old one."""
        (shape,) = shapes
        first, last = self._replaced(shape)
        sizes, rest = list(self.dims), list(shape[first:last])
        known = [1 if size == -1 else size for size in sizes]
        for place, size in enumerate(self.dims):
            if size == 0 and not self.allow_zero:
                if first + place >= len(shape):
                    msg = (
                        f"Reshape: found a 0 in dims {self.dims} at place {place}, expected an "
                        f"axis of {shape} to copy there"
                    )
                    raise ShapeError(msg)
                sizes[place] = shape[first + place]
                # A copied axis cancels, so that a batch of 0 leaves the other sizes known.
                if place < len(rest):
                    known[place] = rest[place] = 1
                else:
                    known[place] = sizes[place]
        if -1 in sizes:
            if prod(known) == 0 or prod(rest) % prod(known):
                raise ShapeError(self._mismatch(shape))
            sizes[sizes.index(-1)] = prod(rest) // prod(known)
        if prod(sizes) != prod(shape[first:last]):
            raise ShapeError(self._mismatch(shape))
        return ((*shape[:first], *sizes, *shape[last:]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Reshape in logical order; a copy only where the storage is in another order."""
        (x,) = xs
        shape = self.infer(logical_shape(x))[0]
        return (to_storage(xp, xp.reshape(to_logical(xp, x), shape)),)

    def _replaced(self, shape: Shape) -> tuple[int, int]:
        first = self.axis + len(shape) if self.axis < 0 else self.axis
        last = len(shape) if self.num_axes < 0 else first + self.num_axes
        if not 0 <= first <= last <= len(shape):
            msg = (
                f"Reshape: found axis {self.axis} and num_axes {self.num_axes}, "
                f"expected axes of the shape {shape}"
            )
            raise ShapeError(msg)
        return first, last

    def _mismatch(self, shape: Shape) -> str:
        first, last = self._replaced(shape)
        return (
            f"Reshape: found {prod(shape[first:last])} elements in {shape} at axes {first} to "
            f"{last - 1}, expected as many as in dims {self.dims}"
        )
