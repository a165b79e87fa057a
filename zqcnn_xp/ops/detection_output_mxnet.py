"""From MXNet's class probabilities, offsets and anchors to detections (MultiBoxDetection)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import to_logical
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.detection_output import DetectionOutput, Floats, keep_best, suppress

__all__ = ["DetectionOutputMxnet"]


@dataclass(frozen=True)
class DetectionOutputMxnet(Op):
    """Take the best class of each anchor, decode its box, and suppress doubles in each class.

    Inputs, logical shapes: probabilities (N, classes, A) or (N, classes, A, 1), class 0 being
    the background; offsets of N * A * 4 elements; anchors of A * 4 elements, or as many for
    each sample, as `PriorBoxMxnet` gives them.

    The output is (n, 7, 1, 1): image, label, score, x1, y1, x2, y2, the box as fractions of
    the image; ordered by image, then label, then falling score, equal scores in the order of
    the anchors.

    Parameters
    ----------
    variances
        Four factors of the offsets of centre and size.
    nms_threshold
        A box is kept if its overlap (intersection by union) with every better box of its class
        that was kept is at most this; from 1 up nothing is suppressed.
    nms_top_k, keep_top_k
        Most boxes of a class that enter suppression, and most detections of an image; -1 is
        all.
    confidence_threshold
        A score must be at least this.
    clip
        Limit the boxes to the image.
    none_marker
        As of `DetectionOutput`.

    Raises
    ------
    InputError
        If there are not four variances, or the threshold is negative.

    Examples
    --------
    >>> DetectionOutputMxnet(keep_top_k=50).infer((2, 21, 80), (2, 320), (1, 80, 4))
    ((100, 7, 1, 1),)
    """

    host: ClassVar[bool] = True
    # Detections of all samples share the first axis, so it is no batch axis.
    mixes_batch: ClassVar[bool] = True

    variances: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2)
    nms_threshold: float = 0.45
    nms_top_k: int = -1
    keep_top_k: int = -1
    confidence_threshold: float = 0.25
    clip: bool = False
    none_marker: bool = False

    def __post_init__(self) -> None:
        if len(self.variances) != 4 or self.nms_threshold < 0:
            msg = (
                f"DetectionOutputMxnet: found variances {self.variances}, nms_threshold "
                f"{self.nms_threshold}, expected four numbers and a threshold from 0 up"
            )
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (most, 7, 1, 1): how many detections there are depends on the data."""
        if len(shapes) != 3:
            msg = (
                f"DetectionOutputMxnet: found {len(shapes)} inputs, expected probabilities, "
                "offsets and anchors"
            )
            raise ShapeError(msg)
        probability, loc, anchors = shapes
        fits = len(probability) == 3 or (len(probability) == 4 and probability[3] == 1)
        n, _, count = probability[:3] if fits else (0, 0, 0)
        fits = fits and loc[:1] == (n,) and prod(loc[1:]) == 4 * count
        if not fits or prod(anchors) not in (4 * count, 4 * count * n):
            msg = (
                f"DetectionOutputMxnet: found probabilities {probability}, offsets {loc}, anchors "
                f"{anchors}, expected (N, classes, A), (N, A*4) and A*4 elements"
            )
            raise ShapeError(msg)
        most = count if self.keep_top_k < 0 else min(count, self.keep_top_k)
        return ((max(n * most, n if self.none_marker else 0), 7, 1, 1),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Run in NumPy, whatever ``xp`` is; the inputs are NumPy arrays."""
        probability, loc, anchors = (to_logical(np, np.asarray(x)) for x in xs)
        n, _, count = probability.shape[:3]
        probability = probability.reshape((n, -1, count)) if n * count else probability
        offsets = loc.reshape((n, count, 4))
        boxes = anchors.reshape((-1, count, 4)) if count else anchors.reshape((1, 0, 4))
        rows = [np.zeros((0, 7), dtype=np.float32)]
        for image in range(n if count else 0):
            anchor = boxes[image if len(boxes) == n else 0]
            rows.append(self._one(image, probability[image], offsets[image], anchor))
        found = np.concatenate(rows)
        if self.none_marker and not len(found):
            found = np.zeros((n, 7), dtype=np.float32)
            found[:1, 0] = -1
        return (found[:, None, None, :],)

    def _one(self, image: int, scores: Floats, offsets: Floats, anchors: Floats) -> Floats:
        """Return the detections (n, 7) of one image."""
        parts = [np.zeros((0, 7), dtype=np.float32)]
        if len(scores) < 2:
            return parts[0]
        labels = 1 + np.argmax(scores[1:], axis=0)
        best = np.max(scores[1:], axis=0)
        coding = DetectionOutput(code_type="center_size")
        variances = np.broadcast_to(np.asarray(self.variances, np.float32), anchors.shape)
        decoded = coding.decode(offsets, anchors, variances)
        decoded = np.clip(decoded, 0, 1) if self.clip else decoded
        for label in np.unique(labels):
            (chosen,) = np.nonzero((labels == label) & (best >= self.confidence_threshold))
            chosen = chosen[np.argsort(-best[chosen], kind="stable")]
            if self.nms_top_k >= 0:
                chosen = chosen[: self.nms_top_k]
            if self.nms_threshold < 1:
                chosen = chosen[suppress(decoded[chosen], self.nms_threshold, 1.0)]
            part = np.empty((len(chosen), 7), dtype=np.float32)
            part[:, 0], part[:, 1], part[:, 2] = image, label, best[chosen]
            part[:, 3:] = decoded[chosen]
            parts.append(part)
        return keep_best(np.concatenate(parts), self.keep_top_k)
