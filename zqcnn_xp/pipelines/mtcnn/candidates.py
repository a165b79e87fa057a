"""Boxes on their way through the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.vision.boxes import refine, round_half_away, square, square_rounded
from zqcnn_xp.vision.nms import suppress

__all__ = ["Candidates", "moved", "squared", "suppressed"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Candidates:
    """Parallel arrays of the boxes of one image.

    Parameters
    ----------
    boxes
        (n, 4) x1, y1, x2, y2 in pixels of the image: float64, or float32 whole numbers where the
        original's rules hold.
    score
        (n,) float32 of the last network that saw them.
    offsets
        (n, 4) float32, of the last network.
    points
        (n, k, 2) in pixels, or None.
    """

    boxes: Floats
    score: NDArray[np.float32]
    offsets: NDArray[np.float32] | None = None
    points: Floats | None = None

    def __len__(self) -> int:
        return int(self.score.shape[0])

    def pick(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Candidates:
        """Select boxes."""
        return Candidates(
            self.boxes[index],
            self.score[index],
            None if self.offsets is None else self.offsets[index],
            None if self.points is None else self.points[index],
        )

    @staticmethod
    def join(parts: Sequence[Candidates], options: Options) -> Candidates:
        """Concatenate; offsets and points stay where all parts have them."""
        if not parts:
            kind = np.float64 if options.exact else np.float32
            return Candidates(np.empty((0, 4), kind), np.empty(0, np.float32))
        offsets = [part.offsets for part in parts if part.offsets is not None]
        points = [part.points for part in parts if part.points is not None]
        return Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate(offsets) if len(offsets) == len(parts) else None,
            np.concatenate(points) if len(points) == len(parts) else None,
        )

    def best(self, limit: int | None, options: Options) -> Candidates:
        """Return at most ``limit``: the best, or the first ones of the original's order."""
        if limit is None or len(self) <= limit:
            return self
        if not options.exact:
            return self.pick(np.arange(limit))
        order = np.argsort(-self.score, kind="stable")[:limit]
        return self.pick(np.sort(order))


def suppressed(found: Candidates, stage: int, options: Options) -> Candidates:
    """Suppress by a stage's threshold: over the smaller box after O, over the union before.

    The original takes the smaller box after R too; that loses faces beside larger ones.
    """
    over_union = stage == 0 or (stage == 1 and options.exact)
    winners, _ = suppress(
        found.boxes,
        found.score,
        (options.nms_thresholds or ())[stage],
        method="union" if over_union else "min",
        compat=options.compat,
    )
    return found.pick(winners if options.exact else np.sort(winners))


def moved(found: Candidates, options: Options) -> Candidates:
    """Apply the offsets, where there are any; the original rounds when it does not square."""
    if found.offsets is None:
        return found
    offsets = found.offsets.astype(found.boxes.dtype)
    boxes = refine(found.boxes, offsets, inclusive=not options.exact)
    if options.exact:
        # An offset may turn a box inside out or blow it up: such boxes show nothing.
        good = np.isfinite(boxes) & np.tile(boxes[:, 2:] > boxes[:, :2], 2)
        return replace(found, boxes=boxes).pick(np.flatnonzero(good.all(axis=1)))
    return replace(found, boxes=boxes)


def squared(boxes: Floats, options: Options) -> Floats:
    """Return the squares around boxes."""
    return square(boxes) if options.exact else square_rounded(boxes.astype(np.float32))


def rounded(found: Candidates, options: Options) -> Candidates:
    """Round the corners where the original's rules hold."""
    return found if options.exact else replace(found, boxes=round_half_away(found.boxes))
