"""Sum, product or maximum of several values, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Elementwise"]


@dataclass(frozen=True)
class Elementwise(Op):
    """Combine the inputs from left to right.

    Parameters
    ----------
    kind
        ``"sum"``, ``"product"`` or ``"max"``.
    coefficients
        Factors of a weighted sum, one for each input; empty means all 1.

    Raises
    ------
    InputError
        If the kind is unknown, or there are coefficients for another kind than ``"sum"``.

    Notes
    -----
    Shapes broadcast as in NumPy and ONNX: the *logical* axes are aligned at the end, and a
    size of 1 stretches.

    Examples
    --------
    >>> Elementwise("sum").infer((2, 8, 5, 5), (2, 8, 5, 5))
    ((2, 8, 5, 5),)
    >>> Elementwise("product").infer((2, 8, 5, 5), (8, 1, 1))
    ((2, 8, 5, 5),)
    """

    kind: Literal["sum", "product", "max"]
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("sum", "product", "max"):
            msg = f"Elementwise: found kind {self.kind!r}, expected 'sum', 'product' or 'max'"
            raise InputError(msg)
        if self.coefficients and self.kind != "sum":
            msg = f"Elementwise: found coefficients for a {self.kind}, expected them for a sum only"
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shape that all inputs broadcast to."""
        if not shapes or (self.coefficients and len(self.coefficients) != len(shapes)):
            expected = f"{len(self.coefficients)}" if self.coefficients else "at least one"
            msg = f"Elementwise: found {len(shapes)} inputs, expected {expected}"
            raise ShapeError(msg)
        rank = max(len(shape) for shape in shapes)
        padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
        out: list[int] = []
        for sizes in zip(*padded, strict=True):
            stretched = {size for size in sizes if size != 1} or {1}
            if len(stretched) > 1:
                listed = ", ".join(map(str, shapes))
                msg = f"Elementwise: found shapes {listed}, expected shapes that broadcast"
                raise ShapeError(msg)
            out.append(stretched.pop())
        return (tuple(out),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Fold the inputs from left to right."""
        rank = max(x.ndim for x in xs)
        terms = [_raise_rank(xp, x, rank) for x in xs]
        if self.coefficients:
            pairs = zip(terms, self.coefficients, strict=True)
            terms = [term if factor == 1.0 else term * factor for term, factor in pairs]
        total = terms[0]
        for term in terms[1:]:
            if self.kind == "sum":
                total = total + term
            elif self.kind == "product":
                total = total * term
            else:
                total = xp.maximum(total, term)
        return (total,)

    def muladds(self, *shapes: Shape) -> int:
        """One per element of the result, whatever the number of inputs, as ZQCNN counts."""
        return prod(self.infer(*shapes)[0])


def _raise_rank(xp: Any, x: Array, rank: int) -> Array:
    """Put logical axes of size 1 before those of a stored array."""
    if x.ndim == rank:
        return x
    logical = to_logical(xp, x)
    shape = (1,) * (rank - x.ndim) + tuple(logical.shape)
    return to_storage(xp, xp.reshape(logical, shape))
