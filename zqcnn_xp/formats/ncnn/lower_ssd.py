"""Layers of single-shot detectors."""

from __future__ import annotations

from collections.abc import Mapping

from zqcnn_xp.formats.ncnn.call import Call, Lowering
from zqcnn_xp.formats.ncnn.record import ABSENT
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["LOWERINGS"]


def prior_box(call: Call) -> None:
    """``PriorBox`` of a map on the image, as Caffe makes them: a matrix of two rows."""
    record = call.record
    if len(call.operands) != 2 or record.switch(14) or record.switch(15):
        raise call.error("boxes of another detector", "two bottoms, 14=0 and 15=0")
    step = [0.0 if record.values.get(key) == str(ABSENT) else record.number(key, ABSENT)
            for key in (12, 11)]  # fmt: skip
    op = PriorBox(
        min_sizes=record.numbers(0),
        max_sizes=record.numbers(1),
        aspect_ratios=record.numbers(2),
        variances=tuple(record.number(key, 0.1 if key < 5 else 0.2) for key in (3, 4, 5, 6)),
        flip=record.switch(7, True),
        clip=record.switch(8),
        step=(0.0 if step[0] == ABSENT else step[0], 0.0 if step[1] == ABSENT else step[1]),
        image_size=tuple(max(record.integer(key), 0) for key in (10, 9)),  # type: ignore[arg-type]
        offset=record.number(13),
    )
    boxes = call.emit(op, call.value(0), call.value(1), part="boxes")
    call.emit(Flatten(2, 3, form="drop"), boxes)


def detection_output(call: Call) -> None:
    """``DetectionOutput``; its result is that of `zqcnn_xp.ops.DetectionOutput`."""
    record = call.record
    if len(call.operands) != 3:
        raise call.error(f"{len(call.operands)} bottoms", "locations, confidences and boxes")
    op = DetectionOutput(
        num_classes=record.integer(0, low=1),
        nms_threshold=record.number(1, 0.05),
        nms_top_k=record.integer(2, 300),
        keep_top_k=record.integer(3, 100),
        confidence_threshold=record.number(4, 0.5),
        code_type="center_size",
    )
    inputs = []
    for place, name in enumerate(("locations", "confidences", "boxes")):
        value, rank = call.value(place), len(call.shape(place))
        if place < 2 and rank > 2:
            value = call.emit(Flatten(1, form="drop"), value, part=f"{name}_flat")
            rank = 2
        if rank > 3 or rank < 2 + (place == 2):
            raise call.error(f"{name} of {rank - 1} axes", "a vector each, and a matrix of boxes")
        ones = (1,) * (4 - rank)
        inputs.append(call.emit(Reshape(ones, rank, 0), value, part=name))
    call.emit(op, *inputs)


LOWERINGS: Mapping[str, Lowering] = {
    "DetectionOutput": detection_output,
    "PriorBox": prior_box,
}
