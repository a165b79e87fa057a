"""Default boxes and detections of single-shot detectors, against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import FormatError, Session

BOX = {
    "aspect_ratio": "2,3", "clip": "false", "density": "", "fixed_ratio": "", "fixed_size": "",
    "flip": "true", "max_size": "60", "min_size": "30", "offset": "0.5",
    "scale_all_sizes": "true", "step": "16", "variance": "0.1,0.1,0.2,0.2",
}  # fmt: skip
CLUSTERED = {
    "clip": "false", "height": "10,20,40", "offset": "0.5", "step": "0", "step_h": "0",
    "step_w": "0", "variance": "0.1,0.1,0.2,0.2", "width": "12,18,30",
}  # fmt: skip


def detector(net, kind, data, version="opset1", boxes=6, detection=None):
    """A detector of 2 x 3 cells whose raw maps are its inputs."""
    made = net()
    count = 2 * 3 * boxes
    image = made.parameter((1, 3, 32, 48), "x")
    loc, conf = made.parameter((1, count * 4), "loc"), made.parameter((1, count * 3), "conf")
    shape = made.layer("ShapeOf", [image], {"output_type": "i64"}, "opset3")
    edges = [made.const(np.int64([k])) for k in (2, 4, 1)]
    masks = dict.fromkeys(
        ["begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask", "ellipsis_mask"], "0"
    )
    size = made.layer("StridedSlice", [shape, *edges], masks)
    prior = made.layer(kind, [made.const(np.int64([2, 3])), size], data, version)
    axis = made.const(np.int64([0]))
    prior = made.layer("Unsqueeze", [prior, axis])
    options = {
        "background_label_id": "0", "clip_after_nms": "false", "clip_before_nms": "false",
        "code_type": "caffe.PriorBoxParameter.CENTER_SIZE", "confidence_threshold": "0.3",
        "decrease_label_id": "false", "input_height": "1", "input_width": "1",
        "keep_top_k": "20", "nms_threshold": "0.45", "normalized": "true", "num_classes": "3",
        "objectness_score": "0", "share_location": "true", "top_k": "30",
        "variance_encoded_in_target": "false", **(detection or {}),
    }  # fmt: skip
    made.result(made.layer("DetectionOutput", [loc, conf, prior], options))
    rng = np.random.default_rng(0)
    inputs = {
        "loc": rng.standard_normal((1, count * 4)).astype(np.float32) * 0.5,
        "conf": rng.random((1, count * 3), np.float32),
    }
    return made, {"x": np.zeros((1, 3, 32, 48), np.float32), **inputs}


def ours(made, inputs):
    graph = made.graph()
    return np.asarray(Session(graph, "numpy")(inputs)[graph.outputs[0]]).reshape(-1, 7)


def sort(rows):
    return rows[np.lexsort((rows[:, 3], -rows[:, 2], rows[:, 1]))]


@pytest.mark.parametrize(
    ("kind", "data", "version", "boxes"),
    [
        ("PriorBox", BOX, "opset1", 6),
        ("PriorBox", {**BOX, "step": "0", "clip": "true", "flip": "false", "max_size": ""},
         "opset1", 3),
        ("PriorBox", {**BOX, "min_max_aspect_ratios_order": "true"}, "opset8", 6),
        ("PriorBoxClustered", CLUSTERED, "opset1", 3),
        ("PriorBoxClustered", {**CLUSTERED, "step_w": "16", "step_h": "12", "clip": "true"},
         "opset1", 3),
    ],
)  # fmt: skip
def test_detections(net, kind, data, version, boxes):
    made, inputs = detector(net, kind, data, version, boxes)
    want = made.theirs(**inputs)[0].reshape(-1, 7)
    # Theirs is filled up; an image number of -1 ends it.
    end = np.flatnonzero(want[:, 0] < 0)
    want = want[: end[0]] if len(end) else want
    have = ours(made, inputs)
    assert 5 < len(have) == len(want)
    np.testing.assert_allclose(sort(have), sort(want), rtol=1e-4, atol=1e-5)


def test_boxes_without_openvino(net):
    made, inputs = detector(net, "PriorBoxClustered", CLUSTERED, boxes=3)
    graph = made.graph()
    (constant,) = [n for n in graph.nodes if type(n.op).__name__ == "Constant"]
    value = constant.weights["value"][0, :, :, 0].reshape(2, -1, 4)
    # The first cell's middle is at (8, 8) of 48 x 32; its first box is 12 by 10.
    np.testing.assert_allclose(value[0, 0], [2 / 48, 3 / 32, 14 / 48, 13 / 32], rtol=1e-6)
    np.testing.assert_allclose(value[1, 0], [0.1, 0.1, 0.2, 0.2], rtol=1e-6)
    assert ours(made, inputs).shape[1] == 7


@pytest.mark.parametrize(
    ("kind", "data", "detection", "detail"),
    [
        ("PriorBox", {**BOX, "density": "2"}, {}, "'density'"),
        ("PriorBox", {**BOX, "scale_all_sizes": "false"}, {}, "'scale_all_sizes'"),
        ("PriorBox", {**BOX, "min_size": ""}, {}, "min_sizes"),
        ("PriorBox", {**BOX, "variance": "1,2"}, {}, "variances"),
        ("PriorBoxClustered", {**CLUSTERED, "width": "1"}, {}, "widths"),
        ("PriorBox", BOX, {"normalized": "false"}, "'normalized'"),
        ("PriorBox", BOX, {"clip_after_nms": "true"}, "'clip_after_nms'"),
        ("PriorBox", BOX, {"code_type": "caffe.PriorBoxParameter.ODD"}, "'code_type'"),
        ("PriorBox", BOX, {"num_classes": "4"}, "DetectionOutput"),
    ],
)
def test_refusals(net, kind, data, detection, detail):
    boxes = 6 if kind == "PriorBox" else 3
    made, _ = detector(net, kind, data, boxes=boxes, detection=detection)
    with pytest.raises(FormatError, match=detail):
        made.graph()
