"""PriorBox and DetectionOutput."""

import numpy as np
import pytest

PRIOR = "prior_box_param {{ min_size: 10 max_size: 20 aspect_ratio: 2 {} }}"


def boxes(cf, text="", shape=(1, 4, 2, 3), image=(1, 3, 40, 60)):
    param = PRIOR.format(text)
    return cf.one("PriorBox", param, np.zeros(shape), inputs={"img": np.zeros(image)})


def plain(rows, columns, image, step, offset=0.5):
    found = []
    sizes = [(10, 10), (np.sqrt(200),) * 2, (10 * np.sqrt(2), 10 / np.sqrt(2))]
    sizes.append((10 / np.sqrt(2), 10 * np.sqrt(2)))
    for y in range(rows):
        for x in range(columns):
            cx, cy = (x + offset) * step[1], (y + offset) * step[0]
            for w, h in sizes:
                corners = np.asarray([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
                found.append(corners / [image[1], image[0], image[1], image[0]])
    return np.concatenate(found)


def test_prior_boxes(cf):
    found = boxes(cf)
    assert found.shape == (1, 2, 2 * 3 * 4 * 4)
    np.testing.assert_allclose(found[0, 0], plain(2, 3, (40, 60), (20, 20)), atol=1e-6)
    np.testing.assert_allclose(found[0, 1], 0.1)


def test_steps_and_sizes(cf):
    given = boxes(cf, "step: 8 offset: 0 variance: [0.1, 0.1, 0.2, 0.2]")
    np.testing.assert_allclose(given[0, 0], plain(2, 3, (40, 60), (8, 8), 0), atol=1e-6)
    np.testing.assert_allclose(given[0, 1].reshape(-1, 4), [[0.1, 0.1, 0.2, 0.2]] * 24)
    # Only both steps, and both sides of the image, count.
    np.testing.assert_array_equal(boxes(cf, "step_h: 8"), boxes(cf))
    np.testing.assert_array_equal(boxes(cf, "img_h: 99"), boxes(cf))
    sized = boxes(cf, "img_h: 80 img_w: 90 step_h: 8 step_w: 4")
    np.testing.assert_allclose(sized[0, 0], plain(2, 3, (80, 90), (8, 4)), atol=1e-6)
    clipped = boxes(cf, "clip: true step: 8")[0, 0]
    assert (clipped.min(), clipped.max()) >= (0, 0)
    assert boxes(cf, "flip: false").shape == (1, 2, 72)


DETECT = """detection_output_param { num_classes: 2 keep_top_k: 5 confidence_threshold: 0.3
    code_type: CENTER_SIZE nms_param { nms_threshold: 0.4 top_k: 10 } %s }"""


@pytest.fixture
def detect(cf):
    def run(scores, extra=""):
        prior = np.asarray([[0.1, 0.1, 0.3, 0.3], [0.11, 0.1, 0.31, 0.3], [0.5, 0.5, 0.9, 0.9]])
        held = np.stack([prior.ravel(), np.full(12, 0.1)])[None]
        conf = np.stack([1 - np.asarray(scores), scores], -1).reshape(1, -1)
        text = cf.layer("DetectionOutput", DETECT % extra, "x conf prior")
        graph = cf.read(text, shape=(1, 12), inputs={"conf": (1, 6), "prior": (1, 2, 12)})
        return cf.run(graph, {"x": np.zeros((1, 12)), "conf": conf, "prior": held})

    return run


def test_detections(detect):
    found = detect([0.6, 0.9, 0.5])
    assert found.shape == (1, 1, 2, 7)
    np.testing.assert_allclose(found[0, 0, :, :3], [[0, 1, 0.9], [0, 1, 0.5]], atol=1e-6)
    np.testing.assert_allclose(found[0, 0, 0, 3:], [0.11, 0.1, 0.31, 0.3], atol=1e-6)


def test_nothing_detected(detect):
    assert detect([0.1, 0.1, 0.1]).shape == (1, 1, 0, 7)


def test_defaults(cf):
    shapes = {"conf": (1, 6), "prior": (1, 2, 12), "img": (1, 3, 5, 5)}
    text = "detection_output_param { num_classes: 2 }"
    graph = cf.read(
        cf.layer("DetectionOutput", text, "x conf prior img"), shape=(1, 12), inputs=shapes
    )
    op = next(node.op for node in graph.nodes if node.op.host)
    assert (op.nms_threshold, op.nms_top_k, op.keep_top_k, op.code_type) == (0.3, -1, -1, "corner")
    assert op.confidence_threshold < -1e38
    assert op.background == 0
    assert op.share_location


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("min_size: 0", "positive numbers"),
        ("max_size: -1", "positive numbers"),
        ("step: 4 step_h: 4 step_w: 4", "step alone"),
        ("step: -1", "from 0 up"),
        ("img_size: 4 img_h: 4", "one of the two"),
        ("variance: [1, 2]", "variances"),
        ("aspect_ratio: 0", "aspect_ratios"),
    ],
)
def test_refused_priors(cf, text, match):
    cf.fails(match, cf.layer("PriorBox", PRIOR.format(text), "x img"), inputs={"img": (1, 3, 9, 9)})


def test_refused_detections(cf):
    shapes = {"conf": (1, 6), "prior": (1, 2, 12)}
    for text, match in (
        ("", "no num_classes"),
        ("detection_output_param { num_classes: 3 }", "DetectionOutput"),
        ("detection_output_param { num_classes: 2 code_type: 9 }", "one of CORNER"),
    ):
        layer = cf.layer("DetectionOutput", text, "x conf prior")
        cf.fails(match, layer, shape=(1, 12), inputs=shapes)
