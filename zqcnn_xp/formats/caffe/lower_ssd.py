"""Layers of single-shot detectors: PriorBox and DetectionOutput, with Caffe's axes."""

from __future__ import annotations

from typing import Literal

from zqcnn_xp.formats.caffe.call import Call
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["detection_output", "prior_box"]

_LOWEST = -3.0e38
_CODES = {"CORNER": 1, "CENTER_SIZE": 2, "CORNER_SIZE": 3}


def prior_box(call: Call) -> None:
    """``PriorBox`` of a feature map on the image: (N, 2, numbers of all boxes).

    Steps count only if there are both; likewise the sides of the image.
    """
    param = call.param("prior_box_param")
    sizes, largest = param.numbers("min_size"), param.numbers("max_size")
    if any(size <= 0 for size in (*sizes, *largest)):
        raise call.error(f"min_size {sizes}, max_size {largest}", "positive numbers")
    op = PriorBox(
        min_sizes=sizes,
        max_sizes=largest,
        aspect_ratios=param.numbers("aspect_ratio"),
        variances=param.numbers("variance") or (0.1,),
        flip=param.switch("flip", True),
        clip=param.switch("clip", False),
        step=_steps(call, param),
        image_size=_image(call, param),
        offset=param.number("offset", 0.5),
    )
    boxes = call.step(op, part="boxes")
    call.result(Reshape((0, 2, -1)), boxes)


def detection_output(call: Call) -> None:
    """``DetectionOutput``: (1, 1, n, 7) of image, label, score, x1, y1, x2, y2.

    A fourth input (the image) has no part in it. Without a detection n is 0, where Caffe gives
    one row of -1.
    """
    param = call.param("detection_output_param")
    suppression = param.message("nms_param")
    if not param.has("num_classes"):
        raise call.error("no num_classes", "num_classes: <number>")
    op = DetectionOutput(
        num_classes=param.integer("num_classes", 1, 1),
        share_location=param.switch("share_location", True),
        background=param.integer("background_label_id", 0, -1),
        nms_threshold=suppression.number("nms_threshold", 0.3),
        nms_eta=suppression.number("eta", 1.0),
        nms_top_k=suppression.integer("top_k", -1, -1),
        keep_top_k=param.integer("keep_top_k", -1, -1),
        confidence_threshold=param.number("confidence_threshold", _LOWEST),
        code_type=_code(param),
        variance_encoded=param.switch("variance_encoded_in_target", False),
    )
    column, pair = Reshape((0, -1, 1, 1)), Reshape((0, 2, -1, 1))
    loc = call.step(column, call.inputs[0], part="loc")
    conf = call.step(column, call.inputs[1], part="conf")
    prior = call.step(pair, call.inputs[2], part="prior")
    rows = call.step(op, loc, conf, prior, part="rows")
    call.result(Reshape((1, 1, -1, 7)), rows)


def _steps(call: Call, param: Message) -> tuple[float, float]:
    both = param.number("step", 0.0)
    found = (param.number("step_h", both), param.number("step_w", both))
    if min(found) < 0 or (param.has("step") and param.has("step_h", "step_w")):
        raise call.error(f"step {found}", "step alone, or step_h and step_w, from 0 up")
    return found if all(found) else (0.0, 0.0)


def _image(call: Call, param: Message) -> tuple[int, int]:
    both = param.integer("img_size", 0, 0)
    found = (param.integer("img_h", both, 0), param.integer("img_w", both, 0))
    if param.has("img_size") and param.has("img_h", "img_w"):
        raise call.error("img_size beside img_h or img_w", "one of the two forms")
    return found if all(found) else (0, 0)


def _code(param: Message) -> Literal["corner", "corner_size", "center_size"]:
    word = param.choice("code_type", _CODES, "CORNER")
    if word == "CORNER":
        return "corner"
    return "corner_size" if word == "CORNER_SIZE" else "center_size"
