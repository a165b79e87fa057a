"""Single-shot detectors: default boxes, which are constants, and the detections made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.fold import bounded
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Const, Value
from zqcnn_xp.formats.openvino.attributes import boolean, choice, floats, integer, number
from zqcnn_xp.ops.constant import Constant
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.prior_box import PriorBox

__all__ = ["FOLDS", "LOWERINGS"]

_CODES = {
    "caffe.priorboxparameter.corner": "corner",
    "caffe.priorboxparameter.center_size": "center_size",
}


def prior_box(call: Call, cells: Tensor, image: Tensor) -> Tensor:
    """Return the boxes (2, P * 4) of PriorBox: corners as fractions of the image, variances."""
    for name in ("density", "fixed_ratio", "fixed_size"):
        if floats(call, name, ()):
            raise call.error(f"attribute {name!r}", "none")
    if not boolean(call, "scale_all_sizes", True):
        raise call.error("attribute 'scale_all_sizes' = false", "true")
    lows, highs = floats(call, "min_size", ()), floats(call, "max_size", ())
    if not boolean(call, "min_max_aspect_ratios_order", True) and highs:
        raise call.error("attribute 'min_max_aspect_ratios_order' = false", "true")
    step = number(call, "step", 0.0)
    op = call.make(
        PriorBox,
        lows,
        highs,
        floats(call, "aspect_ratio", ()),
        flip=boolean(call, "flip", False),
        clip=boolean(call, "clip", False),
        step=(step, step),
        offset=number(call, "offset"),
    )
    (rows, columns), size = _sizes(call, cells), _sizes(call, image)
    each = len(lows) * (1 + len(op.ratios())) + len(highs)
    bounded(call, (2, rows * columns * each * 4))
    return _with_variances(call, op.boxes((rows, columns), size))


def prior_box_clustered(call: Call, cells: Tensor, image: Tensor) -> Tensor:
    """Return the boxes (2, P * 4) of PriorBoxClustered: one of each given width and height."""
    widths, heights = floats(call, "width"), floats(call, "height")
    if len(widths) != len(heights) or not widths:
        raise call.error(f"{len(widths)} widths and {len(heights)} heights", "as many")
    (rows, columns), (image_h, image_w) = _sizes(call, cells), _sizes(call, image)
    step_x, step_y = number(call, "step_w", 0.0), number(call, "step_h", 0.0)
    both = number(call, "step", 0.0)
    if step_x == 0 and step_y == 0:
        step_x, step_y = both or image_w / max(columns, 1), both or image_h / max(rows, 1)
    offset, clip = number(call, "offset"), boolean(call, "clip", False)
    bounded(call, (2, rows * columns * len(widths) * 4))
    x = ((np.arange(columns) + offset) * step_x)[None, :, None]
    y = ((np.arange(rows) + offset) * step_y)[:, None, None]
    w, h = np.asarray(widths) / 2, np.asarray(heights) / 2
    edges = [(x - w) / image_w, (y - h) / image_h, (x + w) / image_w, (y + h) / image_h]
    shape = (rows, columns, len(widths))
    boxes = np.stack([np.broadcast_to(edge, shape) for edge in edges], axis=-1).reshape(-1, 4)
    return _with_variances(call, np.clip(boxes, 0, 1) if clip else boxes)


def _sizes(call: Call, array: Tensor) -> tuple[int, int]:
    """Return (height, width)."""
    if array.dtype.kind not in "iu" or array.size != 2 or np.any(array < 1):
        raise call.error(f"a size of shape {array.shape}", "height and width, positive")
    height, width = (int(size) for size in array.reshape(-1))
    if max(height, width) > 1 << 24:
        raise call.error(f"a size of {height} x {width}", "a smaller one")
    return height, width


def _with_variances(call: Call, boxes: Tensor) -> Tensor:
    variances = floats(call, "variance", ()) or (0.1,)
    if len(variances) not in (1, 4):
        raise call.error(f"{len(variances)} variances", "1 or 4")
    spread = np.broadcast_to(np.asarray(variances), boxes.shape)
    return np.stack([boxes.reshape(-1), spread.reshape(-1)]).astype(np.float32)


def detection_output(call: Call) -> None:
    """Lower DetectionOutput; the result is (n, 7, 1, 1), as many rows as there are detections."""
    if len(call.node.inputs) != 3:
        raise call.error(f"{len(call.node.inputs)} inputs", "boxes, classes and priors")
    loc, conf = call.value(0, rank=2), call.value(1, rank=2)
    for name, only in (
        ("normalized", True), ("clip_before_nms", False), ("clip_after_nms", False),
        ("decrease_label_id", False),
    ):  # fmt: skip
        default = name == "normalized" and not call.has(name)
        if boolean(call, name, default) != only:
            raise call.error(f"attribute {name!r} = {not only}", f"{only}")
    call.ignore("input_height", "input_width", "objectness_score")
    encoded = boolean(call, "variance_encoded_in_target", False)
    prior, count = _priors(call, loc, 1 if encoded else 2)
    scores = conf.size(1)
    if not count or scores is None or scores % count:
        raise call.error(f"classes of shape {conf.shapes[0]} for {count} priors", "a multiple")
    classes = integer(call, "num_classes", scores // count)
    top = integer(call, "top_k", -1)
    op = call.make(
        DetectionOutput,
        classes,
        boolean(call, "share_location", True),
        integer(call, "background_label_id", 0),
        number(call, "nms_threshold"),
        nms_top_k=top if top > 0 else -1,
        keep_top_k=integer(call, "keep_top_k"),
        confidence_threshold=number(call, "confidence_threshold", 0.0),
        code_type=_CODES[
            choice(call, "code_type", "caffe.PriorBoxParameter.CORNER", tuple(_CODES))
        ],
        variance_encoded=encoded,
    )
    loc, conf = (call.reshape(v, tuple((*s, 1, 1) for s in v.shapes)) for v in (loc, conf))
    call.emit(op, loc, conf, prior, last=True)


def _priors(call: Call, like: Value, planes: int) -> tuple[Value, int]:
    """Return the priors as a value (N, 2, P * 4, 1), and P."""
    operand = call.operand(2)
    if not isinstance(operand, Const):
        raise call.error("priors that are computed", "constants")
    array = call.weight(2)
    if (
        array.ndim != 3
        or array.shape[0] != 1
        or array.shape[1] not in (planes, 2)
        or array.shape[2] % 4
    ):
        raise call.error(f"priors of shape {array.shape}", f"(1, {planes}, 4 P)")
    if array.shape[1] == 1:
        array = np.concatenate([array, np.ones_like(array)], axis=1)
    weights = {"value": np.ascontiguousarray(array[..., None])}
    shape = (2, array.shape[2], 1)
    return call.emit(Constant(shape), like, weights=weights), array.shape[2] // 4


FOLDS: Mapping[str, Callable[..., Tensor]] = {
    "PriorBox": prior_box,
    "PriorBoxClustered": prior_box_clustered,
}
LOWERINGS: Mapping[str, Callable[[Call], None]] = {"DetectionOutput": detection_output}
