"""Arithmetic with one number: a constant, or the first element of another value."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Scalar", "ScalarKind", "ScalarOf"]

ScalarKind: TypeAlias = Literal[
    "multiply",
    "divide",
    "add",
    "subtract",
    "max",
    "min",
    "power",
    "reverse_divide",
    "reverse_subtract",
]


@dataclass(frozen=True)
class Scalar(Op):
    """Combine every element with a constant ``s``.

    Parameters
    ----------
    kind
        ``"multiply"`` x * s, ``"divide"`` x / s, ``"add"`` x + s, ``"subtract"`` x - s,
        ``"max"``, ``"min"``, ``"power"`` x ** s, ``"reverse_divide"`` s / x,
        ``"reverse_subtract"`` s - x. Outside a function's domain the results are IEEE 754's.
    value
        ``s``, finite, not 0 for ``"divide"``.

    Raises
    ------
    InputError
        If the kind is unknown, or the value out of range.

    Examples
    --------
    >>> import numpy as np
    >>> Scalar("reverse_subtract", 1.0).forward(np, {}, np.float32([1, 3]))[0]
    array([ 0., -2.], dtype=float32)
    """

    kind: ScalarKind
    value: float

    def __post_init__(self) -> None:
        _check("Scalar", self.kind)
        if not isfinite(self.value) or (self.kind == "divide" and not self.value):
            msg = f"Scalar: found {self.kind} by {self.value}, expected a finite number, not 0"
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        (shape,) = shapes
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Combine; the constant takes the input's dtype."""
        (x,) = xs
        if self.kind in ("max", "min"):
            # The standard compares arrays only.
            return (_combine(xp, self.kind, x, xp.full_like(x, self.value)),)
        return (_combine(xp, self.kind, x, self.value),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        return prod(shapes[0])


@dataclass(frozen=True)
class ScalarOf(Op):
    """Combine every element of the second input with the first element of the first one.

    The first element is that of the whole batch (ZQCNN's ``UnaryOperation``), so samples mix.

    Parameters
    ----------
    kind
        As of `Scalar`.

    Raises
    ------
    InputError
        If the kind is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> ScalarOf("divide").forward(np, {}, np.float32([[2.0]]), np.float32([[4.0, 6.0]]))[0]
    array([[2., 3.]], dtype=float32)
    """

    mixes_batch: ClassVar[bool] = True

    kind: ScalarKind

    def __post_init__(self) -> None:
        _check("ScalarOf", self.kind)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the second input's shape."""
        if len(shapes) != 2:
            msg = f"ScalarOf: found {len(shapes)} inputs, expected the scalar's and the data"
            raise ShapeError(msg)
        scalar, shape = shapes
        if 0 in scalar and 0 not in shape:
            msg = f"ScalarOf: found an empty value {scalar}, expected a first element"
            raise ShapeError(msg)
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Take the first element and combine."""
        scalar, x = xs
        if not prod(x.shape):
            return (x,)
        first = xp.reshape(xp.reshape(scalar, (-1,))[0:1], (1,) * x.ndim)
        return (_combine(xp, self.kind, x, xp.broadcast_to(first, x.shape)),)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        (_, shape) = shapes
        return prod(shape)


def _check(op: str, kind: str) -> None:
    known = get_args(ScalarKind)
    if kind not in known:
        msg = f"{op}: found kind {kind!r}, expected one of {', '.join(known)}"
        raise InputError(msg)


def _combine(xp: Any, kind: str, x: Array, s: Any) -> Array:
    if kind == "multiply":
        return x * s
    if kind == "divide":
        return x / s
    if kind == "add":
        return x + s
    if kind == "subtract":
        return x - s
    if kind == "max":
        return xp.maximum(x, s)
    if kind == "min":
        return xp.minimum(x, s)
    if kind == "power":
        return x**s
    return s / x if kind == "reverse_divide" else s - x
