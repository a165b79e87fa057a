"""Change the type of the elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Cast"]


@dataclass(frozen=True)
class Cast(Op):
    """Return the input in another floating-point type.

    Parameters
    ----------
    dtype
        Name of the type: ``"float16"``, ``"bfloat16"`` or ``"float32"``.

    Raises
    ------
    InputError
        For another name.

    Examples
    --------
    >>> import numpy as np
    >>> Cast("float16").forward(np, {}, np.float32([1.0001]))[0]
    array([1.], dtype=float16)
    """

    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in ("float16", "bfloat16", "float32"):
            msg = f"Cast: found dtype {self.dtype!r}, expected float16, bfloat16 or float32"
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        return shapes

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Convert, rounding to nearest; what is too large becomes infinite."""
        (x,) = xs
        return (xp.astype(x, getattr(xp, self.dtype)),)
