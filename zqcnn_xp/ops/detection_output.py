"""From box offsets and class scores to detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["DetectionOutput", "keep_best", "suppress"]

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class DetectionOutput(Op):
    """Decode the boxes of a single-shot detector and suppress doubles (Liu et al. 2016).

    Inputs, logical shapes: ``loc`` (N, P * L * 4, 1, 1) with L = 1 where locations are shared
    and ``num_classes`` otherwise, ``conf`` (N, P * num_classes, 1, 1), ``prior``
    (N or 1, 2, P * 4, 1) as `PriorBox` gives it.

    The output is (n, 7, 1, 1): image, label, score, x1, y1, x2, y2, the box as fractions of
    the image; ordered by image, then label, then falling score, equal scores in the order of
    the priors.

    Parameters
    ----------
    num_classes
        Classes, the background among them.
    share_location
        One set of offsets for all classes.
    background
        The label that is no detection; -1 if there is none.
    nms_threshold
        A box is kept if its overlap (intersection by union) with every better box that was
        kept is at most this.
    nms_eta
        While the threshold is above 0.5, it is multiplied by this after each box kept.
    nms_top_k, keep_top_k
        Most boxes of a class that enter suppression, and most detections of an image; -1 is
        all.
    confidence_threshold
        A score must be above it.
    code_type
        How offsets are coded: ``"corner"``, ``"corner_size"`` or ``"center_size"``.
    variance_encoded
        The offsets already contain the variances.
    none_marker
        With no detection at all give (N, 7, 1, 1) with a first element of -1, as ZQCNN does,
        instead of (0, 7, 1, 1). The elements that ZQCNN leaves undefined are 0.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Examples
    --------
    >>> op = DetectionOutput(num_classes=2, keep_top_k=100)
    >>> op.infer((1, 40, 1, 1), (1, 20, 1, 1), (1, 2, 40, 1))
    ((10, 7, 1, 1),)
    """

    host: ClassVar[bool] = True
    # Detections of all samples share the first axis, so it is no batch axis.
    mixes_batch: ClassVar[bool] = True

    num_classes: int = 1
    share_location: bool = True
    background: int = 0
    nms_threshold: float = 0.45
    nms_eta: float = 1.0
    nms_top_k: int = -1
    keep_top_k: int = -1
    confidence_threshold: float = 0.25
    code_type: Literal["corner", "corner_size", "center_size"] = "corner"
    variance_encoded: bool = False
    none_marker: bool = False

    def __post_init__(self) -> None:
        if self.num_classes < 1 or not 0 < self.nms_eta <= 1 or self.nms_threshold < 0:
            msg = (
                f"DetectionOutput: found num_classes {self.num_classes}, nms_eta {self.nms_eta}, "
                f"nms_threshold {self.nms_threshold}, expected at least one class, "
                "0 < nms_eta <= 1 and a threshold from 0 up"
            )
            raise InputError(msg)
        if self.code_type not in ("corner", "corner_size", "center_size"):
            msg = (
                f"DetectionOutput: found code_type {self.code_type!r}, "
                "expected 'corner', 'corner_size' or 'center_size'"
            )
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (most, 7, 1, 1): how many detections there are depends on the data.

        The first size is a bound: ``N * keep_top_k``, or all priors in all classes.
        """
        if len(shapes) != 3:
            msg = f"DetectionOutput: found {len(shapes)} inputs, expected loc, conf and prior"
            raise ShapeError(msg)
        for shape in shapes:
            check_rank("DetectionOutput", shape)
        loc, conf, prior = shapes
        n, priors = loc[0], prior[2] // 4
        sets = 1 if self.share_location else self.num_classes
        fits = (
            loc == (n, priors * sets * 4, 1, 1)
            and conf == (n, priors * self.num_classes, 1, 1)
            and prior in ((1, 2, priors * 4, 1), (n, 2, priors * 4, 1))
        )
        if not fits:
            msg = (
                f"DetectionOutput: found loc {loc}, conf {conf}, prior {prior}, expected "
                f"({n}, P*{sets * 4}, 1, 1), ({n}, P*{self.num_classes}, 1, 1) and "
                f"({n} or 1, 2, P*4, 1) for P priors"
            )
            raise ShapeError(msg)
        labels = self.num_classes - (0 <= self.background < self.num_classes)
        most = priors * labels
        if self.nms_top_k >= 0:
            most = labels * min(priors, self.nms_top_k)
        if self.keep_top_k >= 0:
            most = min(most, self.keep_top_k)
        return ((max(n * most, n if self.none_marker else 0), 7, 1, 1),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Run in NumPy, whatever ``xp`` is; the inputs are NumPy arrays."""
        loc, conf, prior = (np.asarray(x) for x in xs)
        n, priors = loc.shape[0], prior.shape[1] // 4
        sets = 1 if self.share_location else self.num_classes
        offsets = loc.reshape(n, priors, sets, 4)
        scores = conf.reshape(n, priors, self.num_classes)
        anchors = prior.reshape(prior.shape[0], priors, 4, 2)
        rows = [np.zeros((0, 7), dtype=np.float32)]
        for image in range(n):
            anchor = anchors[image if len(anchors) == n else 0]
            rows.append(self._one(image, offsets[image], scores[image], anchor))
        found = np.concatenate(rows)
        if self.none_marker and not len(found):
            found = np.zeros((n, 7), dtype=np.float32)
            found[:1, 0] = -1
        return (found[:, None, None, :],)

    def decode(self, offsets: Floats, boxes: Floats, variances: Floats) -> Floats:
        """Return the boxes (P, 4) that offsets (P, 4) from the priors (P, 4) mean."""
        delta = offsets if self.variance_encoded else offsets * variances
        if self.code_type == "corner":
            return boxes + delta
        size = boxes[:, 2:] - boxes[:, :2]
        if self.code_type == "corner_size":
            return boxes + delta * np.tile(size, 2)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + delta[:, :2] * size
        # An offset too large for float32 gives an infinite box, not a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            half: Floats = np.exp(delta[:, 2:]) * size / 2
            corners: Floats = np.concatenate([centre - half, centre + half], axis=1)
        return corners

    def _one(self, image: int, offsets: Floats, scores: Floats, anchor: Floats) -> Floats:
        """Return the detections (n, 7) of one image."""
        parts = [np.zeros((0, 7), dtype=np.float32)]
        for label in range(self.num_classes):
            if label == self.background:
                continue
            (chosen,) = np.nonzero(scores[:, label] > self.confidence_threshold)
            chosen = chosen[np.argsort(-scores[chosen, label], kind="stable")]
            if self.nms_top_k >= 0:
                chosen = chosen[: self.nms_top_k]
            own = offsets[chosen, 0 if self.share_location else label]
            boxes = self.decode(own, anchor[chosen, :, 0], anchor[chosen, :, 1])
            kept = suppress(boxes, self.nms_threshold, self.nms_eta)
            part = np.empty((len(kept), 7), dtype=np.float32)
            part[:, 0], part[:, 1] = image, label
            part[:, 2] = scores[chosen[kept], label]
            part[:, 3:] = boxes[kept]
            parts.append(part)
        return keep_best(np.concatenate(parts), self.keep_top_k)


def keep_best(rows: Floats, most: int) -> Floats:
    """Return the ``most`` detections (n, 7) of the highest scores, in the order given; -1: all."""
    if not 0 <= most < len(rows):
        return rows
    best = np.argsort(-rows[:, 2], kind="stable")[:most]
    # Back into the order by label: the places ascend within each label.
    return rows[np.sort(best)]


def suppress(boxes: Floats, threshold: float, eta: float) -> Rows:
    """Return the rows of the boxes kept, given best first."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area = size[:, 0] * size[:, 1]
    worst = np.zeros(len(boxes), dtype=np.float32)  # largest overlap with any box kept so far
    kept: list[int] = []
    place = 0
    while place < len(boxes):
        rest = np.nonzero(worst[place:] <= threshold)[0]
        if not len(rest):
            break
        place += int(rest[0])
        kept.append(place)
        low = np.maximum(boxes[place, :2], boxes[place + 1 :, :2])
        high = np.minimum(boxes[place, 2:], boxes[place + 1 :, 2:])
        side = np.maximum(high - low, 0)
        shared = side[:, 0] * side[:, 1]
        # Two infinite boxes give NaN, which is within no threshold: the worse one goes.
        with np.errstate(invalid="ignore", over="ignore"):
            union = area[place] + area[place + 1 :] - shared
            overlap = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
        np.maximum(worst[place + 1 :], overlap, out=worst[place + 1 :])
        place += 1
        if eta < 1 and threshold > 0.5:
            threshold *= eta
    return np.asarray(kept, dtype=np.intp)
