"""Matrix products of two computed values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["MatMul"]


@dataclass(frozen=True)
class MatMul(Op):
    """``a @ b`` over the last two logical axes; the axes before them pair up, or are 1.

    Attention multiplies so: queries by keys, weights by values. Both inputs have the same
    rank, 3 or more, so that the first axis stays the batch. For a constant matrix see `Dense`.

    Examples
    --------
    >>> MatMul().infer((2, 8, 12, 15), (2, 8, 15, 12))
    ((2, 8, 12, 12),)
    """

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (..., rows of the first, columns of the second)."""
        fits = len(shapes) == 2 and len(shapes[0]) == len(shapes[1]) > 2
        if fits:
            a, b = shapes
            pairs = list(zip(a[:-2], b[:-2], strict=True))
            if a[-1] == b[-2] and all(x == y or 1 in (x, y) for x, y in pairs):
                batch = (y if x == 1 else x for x, y in pairs)
                return ((*batch, a[-2], b[-1]),)
        listed = " and ".join(map(str, shapes))
        expected = "two of the same rank from 3 up, (..., m, k) and (..., k, n)"
        msg = f"MatMul: found inputs {listed}, expected {expected}"
        raise ShapeError(msg)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Multiply in logical order: the stored channels of a map are no matrix axis."""
        a, b = (to_logical(xp, x) for x in xs)
        return (to_storage(xp, xp.matmul(a, b)),)

    def muladds(self, *shapes: Shape) -> int:
        """One for each product of two elements."""
        return prod(self.infer(*shapes)[0]) * shapes[0][-1]
