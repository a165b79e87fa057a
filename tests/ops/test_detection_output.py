"""Decoding and suppression against a plain greedy loop, and against ZQCNN itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import DetectionOutput, PriorBox
from zqcnn_xp.testing.check_op import check_op


def decode(op: DetectionOutput, loc: np.ndarray, box: np.ndarray, var: np.ndarray) -> np.ndarray:
    """One box, number by number."""
    d = loc if op.variance_encoded else loc * var
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    if op.code_type == "corner":
        return box + d
    if op.code_type == "corner_size":
        return np.array([x1 + d[0] * w, y1 + d[1] * h, x2 + d[2] * w, y2 + d[3] * h])
    cx, cy = (x1 + x2) / 2 + d[0] * w, (y1 + y2) / 2 + d[1] * h
    bw, bh = np.exp(d[2]) * w, np.exp(d[3]) * h
    return np.array([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    areas = [max(q[2] - q[0], 0) * max(q[3] - q[1], 0) for q in (a, b)]
    return w * h / (sum(areas) - w * h)


def plain(op: DetectionOutput, loc, conf, prior) -> np.ndarray:
    """Candidates one by one, each compared with every box kept before it."""
    n, priors = loc.shape[0], prior.shape[2] // 4
    sets = 1 if op.share_location else op.num_classes
    loc = loc.reshape(n, priors, sets, 4).astype(np.float64)
    conf = conf.reshape(n, priors, op.num_classes)
    rows = []
    for image in range(n):
        boxes, spread = prior[image % len(prior), :, :, 0].reshape(2, priors, 4)
        found = []
        for label in range(op.num_classes):
            if label == op.background:
                continue
            ranked = sorted(
                (p for p in range(priors) if conf[image, p, label] > op.confidence_threshold),
                key=lambda p: -conf[image, p, label],
            )
            ranked = ranked[: op.nms_top_k] if op.nms_top_k >= 0 else ranked
            limit, kept = op.nms_threshold, []
            for p in ranked:
                own = loc[image, p, 0 if op.share_location else label]
                box = decode(op, own, boxes[p], spread[p])
                if all(overlap(box, other) <= limit for other in kept):
                    kept.append(box)
                    found.append([image, label, conf[image, p, label], *box])
                    if op.nms_eta < 1 and limit > 0.5:
                        limit *= op.nms_eta
        if op.keep_top_k >= 0:
            best = sorted(range(len(found)), key=lambda k: -found[k][2])[: op.keep_top_k]
            found = [found[k] for k in sorted(best)]
        rows += found
    return np.reshape(rows, (-1, 7, 1, 1))


def draw_inputs(op: DetectionOutput, n: int, cells: tuple[int, int], own: int, seed: int):
    """Random offsets and scores (with ties) on the priors of a small map."""
    rng = np.random.default_rng(seed)
    image = np.zeros((own, 3, 90, 90), np.float32)
    boxes = PriorBox((30.0,), (50.0,), variances=(0.1, 0.1, 0.2, 0.2), offset=0.5)
    (prior,) = check_op(boxes, np.zeros((own, 1, *cells), np.float32), image, namespaces=("numpy",))
    priors = prior.shape[2] // 4
    sets = 1 if op.share_location else op.num_classes
    loc = rng.standard_normal((n, priors * sets * 4, 1, 1)).astype(np.float32)
    conf = rng.integers(0, 8, (n, priors * op.num_classes, 1, 1)).astype(np.float32) / 8
    return loc, conf, prior


OPS = st.builds(
    DetectionOutput,
    num_classes=st.integers(1, 3),
    share_location=st.booleans(),
    background=st.sampled_from([0, 1, -1]),
    nms_threshold=st.sampled_from([0.0, 0.31, 0.62, 0.83]),
    nms_eta=st.sampled_from([1.0, 0.77, 0.9]),
    nms_top_k=st.sampled_from([-1, 0, 3, 10]),
    keep_top_k=st.sampled_from([-1, 0, 2, 7]),
    confidence_threshold=st.sampled_from([0.0, 0.25, 0.7]),
    code_type=st.sampled_from(["corner", "corner_size", "center_size"]),
    variance_encoded=st.booleans(),
)


@given(
    OPS,
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=150)
def test_matches_a_greedy_loop(op, n, rows, columns, shared_prior, seed) -> None:
    inputs = draw_inputs(op, n, (rows, columns), 1 if shared_prior or not n else n, seed)
    check_op(op, *inputs, expect=[plain(op, *inputs)])


def test_matches_the_original(shared_data: Path) -> None:
    golden = np.load(shared_data / "golden" / "zqcnn" / "libfacedetection.npz")
    image = golden["input"]
    layers = [
        ((10.0, 16.0, 24.0), (30, 40)),
        ((32.0, 48.0), (15, 20)),
        ((64.0, 96.0), (8, 10)),
        ((128.0, 192.0, 256.0), (4, 5)),
    ]
    priors = [
        check_op(
            PriorBox(sizes, variances=(0.1, 0.1, 0.2, 0.2), offset=0.5, rule="zqcnn"),
            np.zeros((1, 1, *cells), np.float32),
            image,
            namespaces=("numpy",),
        )[0]
        for sizes, cells in layers
    ]
    op = DetectionOutput(
        num_classes=2,
        nms_threshold=0.15,
        nms_top_k=100,
        keep_top_k=100,
        confidence_threshold=0.01,
        code_type="center_size",
    )
    scores = golden["blob/073|Softmax|mbox_conf_softmax|mbox_conf_softmax"]
    check_op(
        op,
        golden["blob/069|Concat|mbox_loc|mbox_loc"],
        scores.reshape(1, -1, 1, 1),
        np.concatenate(priors, axis=2),
        expect=[golden["out/detection_out"]],
        tolerance=1e-6,
    )


def test_no_detection() -> None:
    right = DetectionOutput(num_classes=2, confidence_threshold=2.0)
    marked = DetectionOutput(num_classes=2, confidence_threshold=2.0, none_marker=True)
    inputs = draw_inputs(right, 2, (2, 2), 1, 0)
    assert check_op(right, *inputs)[0].shape == (0, 7, 1, 1)
    (y,) = check_op(marked, *inputs)
    assert y.shape == (2, 7, 1, 1)
    assert y.ravel()[0] == -1


def test_broken_numbers_give_no_warning() -> None:
    op = DetectionOutput(num_classes=2, code_type="center_size", background=-1)
    loc, conf, prior = draw_inputs(op, 1, (2, 2), 1, 0)
    loc[:, :8], loc[:, 8:16], conf[:, 1] = 1e30, np.nan, np.nan
    (y,) = check_op(op, loc, conf, prior, namespaces=("numpy",))
    assert np.all(y[:, 2] > 0.25)


@pytest.mark.parametrize(
    "attributes",
    [
        {"num_classes": 0},
        {"nms_eta": 0.0},
        {"nms_eta": 1.5},
        {"nms_threshold": -0.1},
        {"code_type": "middle"},
    ],
)
def test_bad_attributes_are_refused(attributes: dict) -> None:
    with pytest.raises(InputError, match="DetectionOutput: found"):
        DetectionOutput(**attributes)


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 40, 1, 1), (1, 20, 1, 1)],
        [(1, 40, 1, 1), (1, 21, 1, 1), (1, 2, 40, 1)],
        [(1, 44, 1, 1), (1, 20, 1, 1), (1, 2, 40, 1)],
        [(2, 40, 1, 1), (1, 20, 1, 1), (1, 2, 40, 1)],
        [(3, 40, 1, 1), (3, 20, 1, 1), (2, 2, 40, 1)],
        [(1, 40), (1, 20), (1, 2, 40, 1)],
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes) -> None:
    with pytest.raises(ShapeError, match="DetectionOutput: found"):
        DetectionOutput(num_classes=2).infer(*shapes)
