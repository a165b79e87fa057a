"""Lines of single-shot detectors: default boxes and detections."""

from __future__ import annotations

from collections.abc import Iterable

from zqcnn_xp.formats.zqcnn.emit import Emitter, number, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.detection_output_mxnet import DetectionOutputMxnet
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText

__all__ = ["detection_output", "detection_output_mxnet", "prior_box", "prior_box_mxnet"]

_COMPAT = "follows the original's rule, as compat='zqcnn' reads a file: read it without"


def prior_box(emit: Emitter, node: Node, op: PriorBox, shapes: tuple[Shape, ...]) -> None:
    """``PriorBox`` or ``PriorBoxText``, whose offset is always a half."""
    if op.rule != "exact":
        raise refused(node, _COMPAT)
    text = isinstance(op, PriorBoxText)
    if text and op.offset != 0.5:
        raise refused(node, f"has the offset {op.offset}, expected 0.5")
    fields = [
        *_numbers(node, "min_size", op.min_sizes),
        *_numbers(node, "max_size", op.max_sizes),
        *_numbers(node, "aspect_ratio", op.aspect_ratios),
        *_numbers(node, "variance", op.variances),
        f"flip={int(op.flip)}",
        f"clip={int(op.clip)}",
        *_steps(node, op.step),
    ]
    if any(op.image_size):
        fields += [f"img_h={op.image_size[0]}", f"img_w={op.image_size[1]}"]
    if not text:
        fields.append(f"offset={number(node, op.offset)}")
    emit.line("PriorBoxText" if text else "PriorBox", node, *fields)


def prior_box_mxnet(
    emit: Emitter, node: Node, op: PriorBoxMxnet, shapes: tuple[Shape, ...]
) -> None:
    """``PriorBox_MXNET``."""
    if op.offset[0] != op.offset[1]:
        raise refused(node, f"has the offsets {op.offset}, expected one for both axes")
    fields = [
        *_numbers(node, "size", op.sizes),
        *_numbers(node, "aspect_ratio", op.aspect_ratios),
        *_steps(node, op.step),
        f"offset={number(node, op.offset[0])}",
        f"clip={int(op.clip)}",
    ]
    emit.line("PriorBox_MXNET", node, *fields)


def detection_output(
    emit: Emitter, node: Node, op: DetectionOutput, shapes: tuple[Shape, ...]
) -> None:
    """``DetectionOutput``."""
    if op.background < -1:
        raise refused(node, f"has the background {op.background}, expected -1 or more")
    fields = [
        f"num_classes={op.num_classes}",
        f"share_location={int(op.share_location)}",
        f"background_label_id={op.background}",
        f"nms_eta={number(node, op.nms_eta)}",
        f"code_type={op.code_type.upper()}",
        f"variance_encoded_in_target={int(op.variance_encoded)}",
        *_suppression(node, op),
    ]
    emit.line("DetectionOutput", node, *fields)


def detection_output_mxnet(
    emit: Emitter, node: Node, op: DetectionOutputMxnet, shapes: tuple[Shape, ...]
) -> None:
    """``DetectionOutput_MXNET``."""
    fields = [
        *_numbers(node, "variance", op.variances),
        f"clip={int(op.clip)}",
        *_suppression(node, op),
    ]
    emit.line("DetectionOutput_MXNET", node, *fields)


def _suppression(node: Node, op: DetectionOutput | DetectionOutputMxnet) -> list[str]:
    if op.none_marker:
        raise refused(node, _COMPAT)
    return [
        f"nms_threshold={number(node, op.nms_threshold)}",
        f"nms_top_k={max(op.nms_top_k, -1)}",
        f"keep_top_k={max(op.keep_top_k, -1)}",
        f"confidence_threshold={number(node, op.confidence_threshold)}",
    ]


def _numbers(node: Node, key: str, values: Iterable[float]) -> list[str]:
    return [f"{key}={number(node, value)}" for value in values]


def _steps(node: Node, step: tuple[float, float]) -> list[str]:
    if not any(step):
        return []
    return [f"step_h={number(node, step[0])}", f"step_w={number(node, step[1])}"]
