"""Bias and activation applied in place, while a block is still in the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Weights
from zqcnn_xp.ops.prelu import PReLU

__all__ = ["Rows", "epilogue"]

Rows: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


def epilogue(activation: Op | None, w: Weights, repeat: int) -> Callable[[Rows], None] | None:
    """Return what applies an activation in place to rows of ``repeat`` pixels, or None for none.

    Per-channel vectors are repeated to the length of a row: NumPy's inner loop then runs over a
    row instead of over a handful of channels.
    """
    if activation is None:
        return None
    if isinstance(activation, PReLU):
        return _prelu(w["slope"], 1 if activation.shared else repeat)
    if isinstance(activation, Activation):
        if activation.kind == "relu":
            return lambda y: _discard(np.maximum(y, 0, out=y))
        if activation.kind == "clip":
            low, high = np.float32(activation.low), np.float32(activation.high)
            return lambda y: _discard(np.clip(y, low, high, out=y))
        if activation.kind == "leaky_relu" and 0 <= activation.alpha <= 1:
            alpha = np.float32(activation.alpha)
            return lambda y: _discard(np.maximum(y, y * alpha, out=y))
    return lambda y: np.copyto(y, activation.forward(np, w, y)[0])


def _prelu(slope: Rows, repeat: int) -> Callable[[Rows], None]:
    slopes = np.tile(slope, repeat)
    if slope.size and slope.min() >= 0 and slope.max() <= 1:
        return lambda y: _discard(np.maximum(y, y * slopes, out=y))

    def apply(y: Rows) -> None:
        below = np.minimum(y, 0)
        below *= slopes
        np.maximum(y, 0, out=y)
        y += below

    return apply


def _discard(_: Any) -> None:
    """Drop what an in-place function returns."""
