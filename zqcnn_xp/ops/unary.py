"""Functions of one element that are no activations."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Unary"]

_KINDS = ("abs", "exp", "log", "reciprocal", "sqrt")


@dataclass(frozen=True)
class Unary(Op):
    """Apply one function to every element.

    Parameters
    ----------
    kind
        ``"abs"``, ``"exp"``, ``"log"``, ``"reciprocal"`` (1 / x) or ``"sqrt"``. Outside a
        function's domain the results are IEEE 754's: infinities and NaN.

    Raises
    ------
    InputError
        If the kind is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> Unary("sqrt").forward(np, {}, np.float32([4, 9]))[0]
    array([2., 3.], dtype=float32)
    """

    kind: Literal["abs", "exp", "log", "reciprocal", "sqrt"]

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            msg = f"Unary: found kind {self.kind!r}, expected one of {', '.join(_KINDS)}"
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        (shape,) = shapes
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Apply the function."""
        (x,) = xs
        if self.kind == "reciprocal":
            return (1.0 / x,)
        return (getattr(xp, self.kind)(x),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        return prod(shapes[0])
