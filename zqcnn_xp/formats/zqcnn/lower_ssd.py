"""Layers of single-shot detectors: default boxes and detections."""

from __future__ import annotations

from typing import Any, Literal

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.detection_output_mxnet import DetectionOutputMxnet
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText

__all__ = [
    "detection_output",
    "detection_output_mxnet",
    "prior_box",
    "prior_box_mxnet",
    "prior_box_text",
]


def prior_box(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``PriorBox`` of a feature map (first bottom) on the image (second).

    The original's ``step=`` sets the vertical step alone, a missing horizontal one then resets
    both, and sizes are whole numbers; ``compat`` does the same.
    """
    offset = record.number("offset", 0.0)
    return PriorBox(offset=offset, **_prior_fields(record, compat)), {}


def prior_box_text(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``PriorBoxText``: as ``PriorBox``, each box twice, at fixed places in the cell."""
    return PriorBoxText(**_prior_fields(record, compat)), {}


def prior_box_mxnet(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``PriorBox_MXNET`` of a feature map; steps are fractions of the image.

    The original never clips, and a step missing on one axis resets both; ``compat`` does the
    same. ``variance`` has no effect here: ``DetectionOutput_MXNET`` has its own.
    """
    record.numbers("variance")
    step = _pair(record, "step", "step_h", "step_w", compat)
    if compat and 0 in step:
        step = (0.0, 0.0)
    offset = record.number("offset", 0.0)
    op = PriorBoxMxnet(
        sizes=record.numbers("size"),
        aspect_ratios=record.numbers("aspect_ratio"),
        step=step,
        offset=(offset, offset),
        clip=record.switch("clip") and not compat,
    )
    return op, {}


def detection_output_mxnet(
    record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool
) -> Lowered:
    """``DetectionOutput_MXNET`` of probabilities, locations and anchors.

    Without a detection the result is empty; ``compat`` marks it by a first element of -1.
    """
    op = DetectionOutputMxnet(
        variances=record.numbers("variance"),
        nms_threshold=record.number("nms_threshold", 0.45),
        nms_top_k=record.integer("nms_top_k", -1, low=-1),
        keep_top_k=record.integer("keep_top_k", -1, low=-1),
        confidence_threshold=record.number("confidence_threshold", 0.25),
        clip=record.switch("clip"),
        none_marker=compat,
    )
    return op, {}


def detection_output(
    record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool
) -> Lowered:
    """``DetectionOutput`` of locations, confidences and priors.

    Without a detection the result is empty; ``compat`` marks it by a first element of -1.
    """
    op = DetectionOutput(
        num_classes=record.integer("num_classes", 1, low=1),
        share_location=record.switch("share_location", True),
        background=record.integer("background_label_id", 0, low=-1),
        nms_threshold=record.number("nms_threshold", 0.45),
        nms_eta=record.number("nms_eta", 1.0),
        nms_top_k=record.integer("nms_top_k", -1, low=-1),
        keep_top_k=record.integer("keep_top_k", -1, low=-1),
        confidence_threshold=record.number("confidence_threshold", 0.25),
        code_type=_code(record),
        variance_encoded=record.switch("variance_encoded_in_target"),
        none_marker=compat,
    )
    return op, {}


def _prior_fields(record: Record, compat: bool) -> dict[str, Any]:
    return {
        "min_sizes": record.numbers("min_size"),
        "max_sizes": record.numbers("max_size"),
        "aspect_ratios": record.numbers("aspect_ratio"),
        "variances": record.numbers("variance") or (0.1,),
        "flip": record.switch("flip", True),
        "clip": record.switch("clip"),
        "step": _pair(record, "step", "step_h", "step_w", compat),
        "image_size": _image(record),
        "rule": "zqcnn" if compat else "exact",
    }


def _pair(record: Record, both: str, first: str, second: str, compat: bool) -> tuple[float, float]:
    found = [0.0, 0.0]
    for key, value in record.fields:
        places = {both: (0,) if compat else (0, 1), first: (0,), second: (1,)}.get(key, ())
        for place in places:
            found[place] = record.as_number(key, value)
    return found[0], found[1]


def _image(record: Record) -> tuple[int, int]:
    size = [0, 0]
    for key, value in record.fields:
        places = {"img_size": (0, 1), "img_h": (0,), "img_w": (1,)}.get(key, ())
        for place in places:
            size[place] = record.as_integer(key, value)
    return size[0], size[1]


def _code(record: Record) -> Literal["corner", "corner_size", "center_size"]:
    word = record.text("code_type", "CORNER").upper()
    if word == "CORNER":
        return "corner"
    if word == "CORNER_SIZE":
        return "corner_size"
    if word == "CENTER_SIZE":
        return "center_size"
    raise record.error(f"code_type={word}", "code_type=CORNER, CORNER_SIZE or CENTER_SIZE")
