"""What an op is: attributes, weight shapes, shape inference, and one reference computation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from zqcnn_xp.errors import ShapeError

__all__ = ["Array", "Op", "Shape", "Weights", "check_rank", "per_channel"]

Shape: TypeAlias = tuple[int, ...]
Array: TypeAlias = Any
Weights: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Op:
    """Base of all ops: a frozen dataclass whose fields are the op's attributes.

    A subclass gives `infer` and `forward`; `weights` and `muladds` where they are not empty.
    Shapes are logical (NCHW) tuples of ints; `forward` sees stored arrays (`zqcnn_xp.layout`).
    """

    host: ClassVar[bool] = False
    """Data-dependent: runs in NumPy on the host, after the compiled part of a graph."""
    mixes_batch: ClassVar[bool] = False
    """One sample of the output depends on other samples of the input."""

    full_precision: ClassVar[bool] = False
    """Computed in float32 even where a session runs in 16 bits: sums of squares, coordinates."""

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return the shape of each weight for inputs of these shapes."""
        return {}

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the output shapes.

        Raises
        ------
        ShapeError
            If the inputs do not fit the op.
        """
        msg = f"{type(self).__name__} has no shape inference"
        raise NotImplementedError(msg)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Compute the outputs with functions of the Array API namespace ``xp`` alone.

        This is the reference that every backend's kernel is compared with.
        """
        msg = f"{type(self).__name__} has no reference"
        raise NotImplementedError(msg)

    def muladds(self, *shapes: Shape) -> int:
        """Return the multiply-adds of one call, counted as ZQCNN counts them."""
        return 0


def check_rank(op: str, shape: Shape, rank: int = 4) -> None:
    """Refuse a shape of another rank.

    Raises
    ------
    ShapeError
        If ``len(shape) != rank``.
    """
    if len(shape) != rank:
        msg = f"{op}: found an input of shape {shape}, expected {rank} dimensions"
        raise ShapeError(msg)


def per_channel(xp: Any, v: Array, ndim: int) -> Array:
    """Shape a (C,) vector so that it broadcasts along the channels of a stored array.

    Channels are the last stored axis at ranks 2 and 4, and axis 1 at other ranks.
    """
    if ndim in (2, 4):
        return v
    return xp.reshape(v, (-1,) + (1,) * (ndim - 2))
