"""Detections from MXNet's probabilities, offsets and anchors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import DetectionOutputMxnet
from zqcnn_xp.testing.check_op import check_op

PLAIN = DetectionOutputMxnet(confidence_threshold=0.3)


def draw(n: int, classes: int, anchors: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, (n, classes, anchors)).astype(np.float32)
    loc = rng.normal(0, 1, (n, anchors * 4)).astype(np.float32)
    middle = rng.uniform(0.2, 0.8, (anchors, 2))
    half = rng.uniform(0.05, 0.2, (anchors, 2))
    boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    return scores, loc, boxes[None]


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(np.maximum(box[2:] - box[:2], 0)) for box in (a, b)]
    return shared / (sum(areas) - shared) if shared else 0.0


def one_by_one(op: DetectionOutputMxnet, scores, loc, anchors) -> list[list[float]]:
    found = []
    for image in range(len(scores)):
        by_label: dict[int, list] = {}
        for place in range(scores.shape[2]):
            label = 1 + int(np.argmax(scores[image, 1:, place]))
            score = scores[image, label, place]
            if score < op.confidence_threshold:
                continue
            left, top, right, bottom = anchors[0, place].astype(np.float64)
            w, h = right - left, bottom - top
            p = loc[image, 4 * place : 4 * place + 4] * np.asarray(op.variances)
            x, y = p[0] * w + (left + right) / 2, p[1] * h + (top + bottom) / 2
            half = np.exp(p[2]) * w / 2, np.exp(p[3]) * h / 2
            box = np.asarray([x - half[0], y - half[1], x + half[0], y + half[1]])
            box = np.clip(box, 0, 1) if op.clip else box
            by_label.setdefault(label, []).append((score, box))
        rows = []
        for label in sorted(by_label):
            kept: list = []
            ordered = sorted(by_label[label], key=lambda pair: -pair[0])
            for score, box in ordered[: None if op.nms_top_k < 0 else op.nms_top_k]:
                if all(iou(box, other) <= op.nms_threshold for _, other in kept):
                    kept.append((score, box))
            rows += [[image, label, score, *box] for score, box in kept]
        if op.keep_top_k >= 0:
            best = sorted(rows, key=lambda row: -row[2])[: op.keep_top_k]
            rows = [row for row in rows if any(row is one for one in best)]
        found += rows
    return found


@given(
    st.integers(0, 3),
    st.integers(2, 4),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.builds(
        DetectionOutputMxnet,
        nms_threshold=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
        nms_top_k=st.sampled_from([-1, 0, 3]),
        keep_top_k=st.sampled_from([-1, 0, 5]),
        confidence_threshold=st.sampled_from([0.0, 0.5, 0.9]),
        clip=st.booleans(),
    ),
)
@settings(deadline=None, max_examples=60)
def test_one_box_after_the_other(n, classes, anchors, seed, op) -> None:
    scores, loc, boxes = draw(n, classes, anchors, seed)
    want = np.asarray(one_by_one(op, scores, loc, boxes), np.float32).reshape(-1, 7, 1, 1)
    check_op(op, scores, loc, boxes, expect=[want])
    # Four axes and anchors of each sample are the same.
    check_op(op, scores[..., None], loc[..., None, None], boxes[:, None], expect=[want])
    if n:
        check_op(op, scores, loc, np.repeat(boxes, n, axis=0), expect=[want])


def test_each_sample_has_its_own_offsets() -> None:
    scores, loc, boxes = draw(2, 3, 20)
    op = replace(PLAIN, nms_threshold=1.0)
    (both,) = check_op(op, scores, loc, boxes)
    for image in range(2):
        one = slice(image, image + 1)
        (alone,) = check_op(op, scores[one], loc[one], boxes)
        np.testing.assert_array_equal(both[both[:, 0, 0, 0] == image, 1:], alone[:, 1:])


def test_nothing_found() -> None:
    scores, loc, boxes = draw(2, 3, 20)
    (found,) = check_op(PLAIN, 0 * scores, loc, boxes)
    assert found.shape == (0, 7, 1, 1)
    (found,) = check_op(replace(PLAIN, none_marker=True), 0 * scores, loc, boxes)
    assert found[:, :, 0, 0].tolist() == [[-1, 0, 0, 0, 0, 0, 0], [0] * 7]
    (found,) = check_op(PLAIN, scores[:, :1], loc, boxes)
    assert found.shape == (0, 7, 1, 1)


def test_what_is_refused() -> None:
    for broken in ({"variances": (0.1,)}, {"nms_threshold": -0.1}):
        with pytest.raises(InputError, match="DetectionOutputMxnet: found variances"):
            DetectionOutputMxnet(**broken)
    with pytest.raises(ShapeError, match="found 2 inputs"):
        PLAIN.infer((1, 3, 4), (1, 16))
    for shapes in (
        ((1, 3, 4, 2), (1, 16), (1, 4, 4)),
        ((1, 3, 4), (1, 12), (1, 4, 4)),
        ((1, 3, 4), (2, 16), (1, 4, 4)),
        ((1, 3, 4), (1, 16), (1, 5, 4)),
        ((1, 3), (1, 16), (1, 4, 4)),
    ):
        with pytest.raises(ShapeError, match="expected \\(N, classes, A\\)"):
            PLAIN.infer(*shapes)
