"""Resize feature maps by nearest or bilinear sampling."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

import numpy as np
from array_api_compat import device

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["Upsample"]

_ROUNDING = {
    "half_up": lambda position: floor(position + 0.5),
    "half_down": lambda position: ceil(position - 0.5),
    "floor": floor,
    "ceil": ceil,
}


@dataclass(frozen=True)
class Upsample(Op):
    """Sample a map at evenly spaced positions; positions outside it take the nearest edge.

    Parameters
    ----------
    kind
        ``"nearest"`` or ``"bilinear"``. There is no anti-aliasing on the way down.
    align
        Where output cell ``i`` samples, with ``step = in / out``: ``"corner"`` at
        ``i * step`` (asymmetric), ``"center"`` at ``(i + 0.5) * step - 0.5`` (half pixel),
        ``"ends"`` at ``i * (in - 1) / (out - 1)`` (first and last cells coincide).
    scale
        (vertical, horizontal) factor: the size is ``int(in * scale + 0.5)``.
    size
        (height, width) of the result. Exactly one of ``scale`` and ``size`` is given.
    rounding
        How ``"nearest"`` takes a cell: ``"half_up"`` (ZQCNN), ``"half_down"``, ``"floor"``,
        ``"ceil"``.

    Raises
    ------
    InputError
        If not exactly one of ``scale`` and ``size`` is given, or they are not positive.

    Examples
    --------
    >>> Upsample("bilinear", scale=(2.0, 2.0)).infer((1, 8, 5, 7))
    ((1, 8, 10, 14),)
    """

    kind: Literal["nearest", "bilinear"]
    align: Literal["corner", "center", "ends"] = "corner"
    scale: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    rounding: Literal["half_up", "half_down", "floor", "ceil"] = "half_up"

    def __post_init__(self) -> None:
        given = self.scale if self.size is None else self.size
        if given is None or (self.scale is not None and self.size is not None):
            msg = f"Upsample: found scale {self.scale}, size {self.size}, expected one of the two"
            raise InputError(msg)
        if any(not 0 < value < float("inf") for value in given):
            msg = f"Upsample: found scale or size {given}, expected positive numbers"
            raise InputError(msg)
        for name, value, known in (
            ("kind", self.kind, ("nearest", "bilinear")),
            ("align", self.align, ("corner", "center", "ends")),
            ("rounding", self.rounding, tuple(_ROUNDING)),
        ):
            if value not in known:
                msg = f"Upsample: found {name} {value!r}, expected one of {', '.join(known)}"
                raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, C, H', W')."""
        (shape,) = shapes
        check_rank("Upsample", shape)
        n, c, h, w = shape
        if self.size is not None:
            out = self.size
        else:
            sy, sx = self.scale or (1.0, 1.0)
            out = (int(h * sy + 0.5), int(w * sx + 0.5))
        if (h == 0 and out[0]) or (w == 0 and out[1]):
            msg = f"Upsample: found an empty map {shape}, expected cells to sample"
            raise ShapeError(msg)
        return ((n, c, *out),)

    def positions(self, cells: int, out: int) -> list[float]:
        """Return where each of ``out`` cells samples an axis of ``cells``, not clamped."""
        if self.align == "ends":
            step = (cells - 1) / (out - 1) if out > 1 else 0.0
            return [i * step for i in range(out)]
        step = cells / out if out else 0.0
        if self.align == "center":
            return [(i + 0.5) * step - 0.5 for i in range(out)]
        return [i * step for i in range(out)]

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Sample the columns, then the rows."""
        (x,) = xs
        n, h, width, c = x.shape
        _, _, ho, wo = self.infer((n, c, h, width))[0]
        for axis, cells, out in ((2, width, wo), (1, h, ho)):
            positions = self.positions(cells, out)
            # Cells that fall on themselves need no work.
            if positions != list(range(cells)):
                x = self._sample(xp, x, axis, cells, positions)
        return (x,)

    def _sample(self, xp: Any, x: Array, axis: int, cells: int, positions: list[float]) -> Array:
        def take(indices: list[int]) -> Array:
            clamped = np.clip(np.asarray(indices, dtype=np.int32), 0, max(cells - 1, 0))
            return xp.take(x, xp.asarray(clamped, device=device(x)), axis=axis)

        if self.kind == "nearest":
            return take([_ROUNDING[self.rounding](position) for position in positions])
        low = [floor(position) for position in positions]
        fractions = np.asarray([p - i for p, i in zip(positions, low, strict=True)], np.float32)
        shape = tuple(len(positions) if k == axis else 1 for k in range(4))
        t = xp.asarray(fractions.reshape(shape), dtype=x.dtype, device=device(x))
        before, after = take(low), take([i + 1 for i in low])
        return before + (after - before) * t

    def muladds(self, *shapes: Shape) -> int:
        """Per output element 1 for nearest, 6 for bilinear by a scale, 10 by a size (ZQCNN)."""
        n, c, h, w = self.infer(*shapes)[0]
        if self.kind == "nearest":
            return n * c * h * w
        return n * c * h * w * (6 if self.size is None else 10)
