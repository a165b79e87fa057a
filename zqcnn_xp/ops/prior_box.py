"""Default boxes of a single-shot detector, one set for each cell of a feature map."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["PriorBox"]


@dataclass(frozen=True)
class PriorBox(Op):
    """Boxes around the centres ``(cell + offset) * step``, as fractions of the image.

    The inputs are a feature map and the image; only their shapes matter. The output is
    (N, 2, cells * boxes * 4, 1): channel 0 holds x1, y1, x2, y2 of each box, channel 1 the
    variances. Cells run row by row. In a cell, for each minimum size: the square of that
    size, the square of ``sqrt(min * max)`` where maximum sizes are given, and
    ``min * sqrt(r)`` by ``min / sqrt(r)`` for each aspect ratio (Liu et al. 2016).

    Parameters
    ----------
    min_sizes
        Side lengths in pixels of the image; ``-f`` means ``f`` times the image's width.
    max_sizes
        Empty, or one for each minimum size.
    aspect_ratios
        Width by height; 1 is always there and need not be given, doubles are dropped.
    variances
        One value or four, positive.
    flip
        Add ``1 / r`` for each ratio.
    clip
        Limit the boxes to the image.
    step
        (vertical, horizontal) pixels between cells; 0 is the image's size by the map's.
    image_size
        (height, width); 0 takes the second input's.
    offset
        Place of the centre in its cell, 0.5 for the middle.
    rule
        ``"exact"``, or ``"zqcnn"``: sizes and steps are truncated to integers, the image size
        is always the second input's, and a step of 0 on one axis resets it on both.

    Raises
    ------
    InputError
        If there is no minimum size, or the counts, variances or ratios are out of range.

    Examples
    --------
    >>> PriorBox((30.0,), aspect_ratios=(2.0,)).infer((1, 8, 5, 5), (1, 3, 100, 100))
    ((1, 2, 300, 1),)
    """

    full_precision: ClassVar[bool] = True

    copies: ClassVar[int] = 1
    """Boxes of each size, at places of their own (`centres`)."""

    min_sizes: tuple[float, ...]
    max_sizes: tuple[float, ...] = ()
    aspect_ratios: tuple[float, ...] = ()
    variances: tuple[float, ...] = (0.1,)
    flip: bool = True
    clip: bool = False
    step: tuple[float, float] = (0.0, 0.0)
    image_size: tuple[int, int] = (0, 0)
    offset: float = 0.0
    rule: Literal["exact", "zqcnn"] = "exact"

    def __post_init__(self) -> None:
        problem = ""
        if not self.min_sizes:
            problem = "no min_sizes"
        elif self.max_sizes and len(self.max_sizes) != len(self.min_sizes):
            problem = f"{len(self.max_sizes)} max_sizes for {len(self.min_sizes)} min_sizes"
        elif len(self.variances) not in (1, 4) or min(self.variances) <= 0:
            problem = f"variances {self.variances}"
        elif any(ratio <= 0 for ratio in self.aspect_ratios):
            problem = f"aspect_ratios {self.aspect_ratios}"
        elif min(self.step) < 0 or min(self.image_size) < 0:
            problem = f"step {self.step}, image_size {self.image_size}"
        elif self.rule not in ("exact", "zqcnn"):
            problem = f"rule {self.rule!r}"
        if problem:
            msg = (
                f"PriorBox: found {problem}, expected a minimum size, as many maximum sizes or "
                "none, 1 or 4 positive variances, positive ratios, steps and sizes from 0 up, "
                "and the rule 'exact' or 'zqcnn'"
            )
            raise InputError(msg)

    def ratios(self) -> tuple[float, ...]:
        """Return the aspect ratios other than 1, in the order of their boxes."""
        found = [1.0]
        for ratio in self.aspect_ratios:
            if all(abs(ratio - other) >= 1e-6 for other in found):
                found += [ratio, 1.0 / ratio] if self.flip else [ratio]
        return tuple(found[1:])

    def sizes(self, image_width: int) -> list[tuple[float, float]]:
        """Return (width, height) in pixels of each box of a cell."""
        whole = int if self.rule == "zqcnn" else float
        found: list[tuple[float, float]] = []
        for place, size in enumerate(self.min_sizes):
            low = whole(-size * image_width if size < 0 else size)
            found.append((low, low))
            if self.max_sizes:
                size = self.max_sizes[place]
                side = sqrt(low * whole(-size * image_width if size < 0 else size))
                found.append((side, side))
            found += [(low * sqrt(r), low / sqrt(r)) for r in self.ratios()]
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, 2, cells * boxes * 4, 1)."""
        if len(shapes) != 2:
            msg = f"PriorBox: found {len(shapes)} inputs, expected a feature map and the image"
            raise ShapeError(msg)
        for shape in shapes:
            check_rank("PriorBox", shape)
        n, _, h, w = shapes[0]
        boxes = len(self.min_sizes) * (1 + len(self.ratios())) + len(self.max_sizes)
        return ((n, 2, h * w * boxes * self.copies * 4, 1),)

    def centres(self, cells: tuple[int, int], step: tuple[float, float]) -> NDArray[np.float32]:
        """Return the centres (rows, columns, copies, 2) of the boxes, x before y, in pixels."""
        y = (np.arange(cells[0], dtype=np.float32) + self.offset) * step[0]
        x = (np.arange(cells[1], dtype=np.float32) + self.offset) * step[1]
        found = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)[:, :, None, :]
        return found.astype(np.float32, copy=False)

    def boxes(self, cells: tuple[int, int], image: tuple[int, int]) -> NDArray[np.float32]:
        """Return the boxes (cells * boxes, 4) of a map (rows, columns) on an image (height, width).

        Columns are x1, y1, x2, y2 as fractions of the image.
        """
        if self.rule == "exact":
            height, width = self.image_size[0] or image[0], self.image_size[1] or image[1]
            step_y, step_x = self.step
            step_y = step_y or height / max(cells[0], 1)
            step_x = step_x or width / max(cells[1], 1)
        else:
            height, width = image
            step_y, step_x = (float(int(step)) for step in self.step)
            if step_y == 0 or step_x == 0:
                step_y, step_x = height / max(cells[0], 1), width / max(cells[1], 1)
        centres = self.centres(cells, (step_y, step_x))[:, :, None, :, :]
        half = np.asarray(self.sizes(width), dtype=np.float32)[:, None, :] / 2
        extent = np.asarray([width, height], dtype=np.float32)
        found = np.concatenate([(centres - half) / extent, (centres + half) / extent], axis=-1)
        found = found.reshape(-1, 4).astype(np.float32, copy=False)
        return np.clip(found, 0, 1) if self.clip else found

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Build the boxes from the shapes alone; they are constants of a compiled graph."""
        feature, image = xs
        n, _, rows, columns = logical_shape(feature)
        _, _, height, width = logical_shape(image)
        boxes = self.boxes((rows, columns), (height, width))
        variances = np.asarray(self.variances, dtype=np.float32)
        spread = np.broadcast_to(variances, boxes.shape)
        stored = np.stack([boxes.reshape(-1), spread.reshape(-1)], axis=-1)[None, :, None, :]
        full = np.repeat(stored, n, axis=0)
        return (xp.asarray(full, device=device(feature)),)
