"""Local response normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.window import pad_spatial, taps

__all__ = ["LRN"]


@dataclass(frozen=True)
class LRN(Op):
    """``y = x * (k + alpha / cells * sum(x^2 over a window)) ** -beta`` (Krizhevsky et al. 2012).

    Parameters
    ----------
    size
        Cells of the window along an axis; cells outside the value count as 0, but count.
    alpha, beta, k
        See the formula. ``cells`` is ``size`` across channels, ``size ** 2`` within one.
    region
        ``"across"``: neighbouring channels. ``"within"``: a square of pixels of one channel
        (Caffe's WITHIN_CHANNEL), which needs four dimensions.
    before
        Cells of the window before its own; None is ``(size - 1) // 2`` (ONNX), which matters
        for an even size alone: ZQCNN and PyTorch take ``size // 2``.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> LRN(1, alpha=3.0, beta=0.5).forward(np, {}, np.float32([[1.0, 0.0]]))[0]
    array([[0.5, 0. ]], dtype=float32)
    """

    full_precision: ClassVar[bool] = True

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    region: Literal["across", "within"] = "across"
    before: int | None = None

    def __post_init__(self) -> None:
        place = 0 if self.before is None else self.before
        if self.size < 1 or not 0 <= place < self.size or self.region not in ("across", "within"):
            msg = (
                f"LRN: found size {self.size}, before {self.before}, region {self.region!r}, "
                "expected a size from 1 up, fewer cells before, and 'across' or 'within'"
            )
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        (shape,) = shapes
        if len(shape) != 4 and (self.region == "within" or len(shape) < 2):
            expected = "4 dimensions" if self.region == "within" else "a channel axis 1"
            msg = f"LRN: found an input of shape {shape}, expected {expected}"
            raise ShapeError(msg)
        return (shape,)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Sum shifted squares."""
        (x,) = xs
        before = (self.size - 1) // 2 if self.before is None else self.before
        after = self.size - 1 - before
        square = x * x
        if self.region == "across":
            total = _across(xp, square, before, after)
        else:
            _, h, width, _ = x.shape
            # A window wider than the map adds no more terms.
            top, bottom = min(before, h), min(after, h)
            left, right = min(before, width), min(after, width)
            square = pad_spatial(xp, square, (top, bottom, left, right))
            window = (top + bottom + 1, left + right + 1)
            total = xp.zeros_like(x)
            for _, _, view in taps(square, window, (1, 1), (1, 1), (h, width)):
                total = total + view
        cells = self.size if self.region == "across" else self.size**2
        return (x * (self.k + self.alpha / cells * total) ** -self.beta,)

    def muladds(self, *shapes: Shape) -> int:
        """None: ZQCNN counts none."""
        return 0 * prod(shapes[0])


def _across(xp: Any, square: Array, before: int, after: int) -> Array:
    """Sum windows of channels; a window wider than all of them adds no more terms."""
    axis = square.ndim - 1 if square.ndim in (2, 4) else 1
    channels = square.shape[axis]
    before, after = min(before, channels), min(after, channels)

    def zeros(count: int) -> Array:
        shape = tuple(count if k == axis else s for k, s in enumerate(square.shape))
        from array_api_compat import device

        return xp.zeros(shape, dtype=square.dtype, device=device(square))

    padded = xp.concat([zeros(before), square, zeros(after)], axis=axis)
    total = None
    for shift in range(before + after + 1):
        index: list[Any] = [slice(None)] * square.ndim
        index[axis] = slice(shift, shift + channels)
        view = padded[tuple(index)]
        total = view if total is None else total + view
    return total
