"""What a name of the file stands for while the graph is built: a computed value or a constant.

Some sizes may be free (the batch, often H and W). Shapes are therefore followed at *probes*: one
or two sets of concrete sizes. What is the same at both is constant, whatever arithmetic on shapes
the file does to get there; what differs has to be said by a rule that holds at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.ops.base import Shape

__all__ = ["EVEN_PROBES", "PROBES", "Const", "Operand", "Value", "probe_shapes", "reshape_dims"]

PROBES: tuple[Shape, ...] = ((2, 163, 331, 229, 97), (3, 293, 241, 389, 131))
"""Sizes taken for free axes, by place: odd, so that nothing holds because of how they divide, and
none near another, so that one axis is never taken for another."""

EVEN_PROBES: tuple[Shape, ...] = ((2, 160, 320, 224, 96), (3, 288, 256, 384, 128))
"""Taken for networks that refuse the others: multiples of 32."""


@dataclass(frozen=True)
class Value:
    """A value that the network computes: its name in the graph and its shape at each probe."""

    name: str
    shapes: tuple[Shape, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shapes[0])

    def size(self, axis: int) -> int | None:
        """Return the size along an axis, None where it is free."""
        sizes = {shape[axis] for shape in self.shapes}
        return sizes.pop() if len(sizes) == 1 else None


@dataclass(frozen=True)
class Const:
    """An array known while reading, at each probe; the same object where no size matters."""

    arrays: tuple[Tensor, ...]

    @property
    def fixed(self) -> Tensor | None:
        """The array, or None where it depends on a free size."""
        first = self.arrays[0]
        if all(other is first or _same(first, other) for other in self.arrays[1:]):
            return first
        return None


Operand: TypeAlias = Value | Const


def _same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b))


def probe_shapes(shape: tuple[int | None, ...], probes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Fill the free sizes of a shape, once for each probe.

    Examples
    --------
    >>> probe_shapes((None, 3, 12, None), PROBES)
    ((2, 3, 12, 229), (3, 3, 12, 389))
    """
    return tuple(
        tuple(
            probe[min(axis, len(probe) - 1)] if size is None else size
            for axis, size in enumerate(shape)
        )
        for probe in probes
    )


def reshape_dims(shapes: tuple[Shape, ...], targets: tuple[Shape, ...]) -> Shape | None:
    """Find dims of a `Reshape` that give every target: 0 copies a size, -1 takes the rest.

    Returns
    -------
    tuple of int or None
        None where no such dims exist (two sizes that vary by themselves).

    Examples
    --------
    >>> reshape_dims(((2, 8, 3), (5, 8, 3)), ((2, 24), (5, 24)))
    (0, 24)
    >>> reshape_dims(((2, 8, 3), (5, 8, 3)), ((6, 8), (15, 8)))
    (-1, 8)
    """
    if len({len(target) for target in targets}) != 1:
        return None
    dims: list[int] = []
    for axis in range(len(targets[0])):
        wanted = {target[axis] for target in targets}
        copied = all(
            axis < len(shape) and shape[axis] == target[axis]
            for shape, target in zip(shapes, targets, strict=True)
        )
        # The first axis is copied even where it is fixed: so it surely stays the batch.
        if copied and (axis == 0 or len(wanted) > 1):
            dims.append(0)
        else:
            dims.append(wanted.pop() if len(wanted) == 1 else -1)
    return None if dims.count(-1) > 1 else tuple(dims)
