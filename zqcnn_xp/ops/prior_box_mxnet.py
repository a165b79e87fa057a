"""Default boxes of MXNet's single-shot detectors (MultiBoxPrior)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["PriorBoxMxnet"]


@dataclass(frozen=True)
class PriorBoxMxnet(Op):
    """Boxes around the centres ``(cell + offset) * step`` of a feature map, in fractions.

    The output is (1, 1, cells * boxes, 4): x1, y1, x2, y2. Cells run row by row. In a cell: a
    square of each size, then for each ratio other than 1 a box of the first size, ``size *
    sqrt(r)`` by ``size / sqrt(r)``. Sizes are fractions of the image's height; widths shrink by
    the map's height / width, so that boxes are square on the image.

    Parameters
    ----------
    sizes
        Side lengths, positive.
    aspect_ratios
        Width by height; 1 is always there and need not be given, doubles are dropped.
    step
        (vertical, horizontal) distance of cells; 0 is 1 / map size.
    offset
        (vertical, horizontal) place of the centre in its cell: 0.5 is the middle.
    clip
        Limit the boxes to the image.

    Raises
    ------
    InputError
        If there is no size, or one is not positive.

    Examples
    --------
    >>> PriorBoxMxnet((0.2, 0.3), (1.0, 2.0, 0.5)).infer((1, 8, 5, 5))
    ((1, 1, 100, 4),)
    """

    # The output has one row whatever the batch.
    mixes_batch: ClassVar[bool] = True
    full_precision: ClassVar[bool] = True

    sizes: tuple[float, ...]
    aspect_ratios: tuple[float, ...] = ()
    step: tuple[float, float] = (0.0, 0.0)
    offset: tuple[float, float] = (0.5, 0.5)
    clip: bool = False

    def __post_init__(self) -> None:
        if not self.sizes or min((*self.sizes, *self.aspect_ratios)) <= 0 or min(self.step) < 0:
            msg = (
                f"PriorBoxMxnet: found sizes {self.sizes}, aspect_ratios {self.aspect_ratios}, "
                f"step {self.step}, expected positive sizes and ratios, at least one size, and "
                "steps from 0 up"
            )
            raise InputError(msg)

    def extents(self, rows: int, columns: int) -> list[tuple[float, float]]:
        """Return (width, height) of each box of a cell, in fractions of the image."""
        ratios: list[float] = []
        for ratio in self.aspect_ratios:
            if all(abs(ratio - other) >= 1e-6 for other in (1.0, *ratios)):
                ratios.append(ratio)
        narrow = rows / columns
        found = [(size * narrow, size) for size in self.sizes]
        first = self.sizes[0]
        return found + [(first * narrow * sqrt(r), first / sqrt(r)) for r in ratios]

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (1, 1, cells * boxes, 4)."""
        (shape,) = shapes
        check_rank("PriorBoxMxnet", shape)
        rows, columns = shape[2:]
        if not rows or not columns:
            msg = f"PriorBoxMxnet: found an empty map {shape}, expected cells"
            raise ShapeError(msg)
        return ((1, 1, rows * columns * len(self.extents(rows, columns)), 4),)

    def boxes(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the boxes (cells * boxes, 4) of a map."""
        step_y, step_x = self.step[0] or 1 / rows, self.step[1] or 1 / columns
        y = (np.arange(rows, dtype=np.float32) + self.offset[0]) * step_y
        x = (np.arange(columns, dtype=np.float32) + self.offset[1]) * step_x
        centres = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)[:, :, None, :]
        half = np.asarray(self.extents(rows, columns), dtype=np.float32) / 2
        found = np.concatenate([centres - half, centres + half], axis=-1)
        found = found.reshape(-1, 4).astype(np.float32, copy=False)
        return np.clip(found, 0, 1) if self.clip else found

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Build the boxes from the shape alone; they are constants of a compiled graph."""
        (x,) = xs
        _, _, rows, columns = logical_shape(x)
        stored = self.boxes(rows, columns)[None, :, :, None]
        return (xp.asarray(np.ascontiguousarray(stored), device=device(x)),)
