"""Default boxes against a loop over cells, and against ZQCNN itself."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import PriorBox
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def plain(op: PriorBox, feature: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Box after box, in float64, by the rule that `op` asks for."""
    n, _, rows, columns = feature.shape
    height, width = image.shape[2:]
    step_y, step_x = op.step
    if op.rule == "zqcnn":
        step_y, step_x = int(step_y), int(step_x)
        if not (step_y and step_x):
            step_y = step_x = 0
    else:
        height, width = op.image_size[0] or height, op.image_size[1] or width
    step_y, step_x = step_y or height / rows, step_x or width / columns

    def size(value: float) -> float:
        pixels = value if value >= 0 else -value * width
        return int(pixels) if op.rule == "zqcnn" else pixels

    ratios: list[float] = []
    for ratio in op.aspect_ratios:
        if all(abs(ratio - known) > 1e-6 for known in [1.0, *ratios]):
            ratios += [ratio, 1 / ratio] if op.flip else [ratio]
    boxes = []
    for r in range(rows):
        for c in range(columns):
            x, y = (c + op.offset) * step_x, (r + op.offset) * step_y
            for k, low in enumerate(op.min_sizes):
                shapes = [(size(low), size(low))]
                if op.max_sizes:
                    shapes.append((sqrt(size(low) * size(op.max_sizes[k])),) * 2)
                shapes += [(size(low) * sqrt(a), size(low) / sqrt(a)) for a in ratios]
                for w, h in shapes:
                    box = [
                        (x - w / 2) / width,
                        (y - h / 2) / height,
                        (x + w / 2) / width,
                        (y + h / 2) / height,
                    ]
                    boxes.append(np.clip(box, 0, 1) if op.clip else box)
    flat = np.reshape(boxes, -1)
    variances = np.resize(op.variances, flat.shape)
    return np.tile(np.stack([flat, variances])[None, :, :, None], (n, 1, 1, 1))


@st.composite
def ops(draw: st.DrawFn) -> PriorBox:
    count = draw(st.integers(1, 3))
    size = st.one_of(st.floats(1, 40), st.floats(-0.9, -0.1))
    sizes = st.lists(size, min_size=count, max_size=count).map(tuple)
    steps = st.sampled_from([(0.0, 0.0), (8.0, 8.0), (8.0, 0.0), (7.5, 6.25)])
    return PriorBox(
        draw(sizes),
        draw(st.one_of(st.just(()), sizes)),
        draw(st.lists(st.sampled_from([1.0, 2.0, 0.5, 3.0]), max_size=3).map(tuple)),
        draw(st.sampled_from([(0.1,), (0.1, 0.1, 0.2, 0.2)])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(steps),
        draw(st.sampled_from([(0, 0), (64, 0), (50, 60)])),
        draw(st.sampled_from([0.0, 0.5])),
        draw(st.sampled_from(["exact", "zqcnn"])),
    )


@given(ops(), st.integers(0, 2), st.integers(1, 4), st.integers(1, 4))
@settings(deadline=None, max_examples=80)
def test_matches_a_loop_over_cells(op: PriorBox, batch: int, rows: int, columns: int) -> None:
    feature = np.zeros((batch, 2, rows, columns), np.float32)
    image = np.zeros((batch, 3, 48, 80), np.float32)
    check_op(
        op,
        feature,
        image,
        expect=lambda _, f, i: plain(op, f, i),
        namespaces=("numpy", "array_api_strict"),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_every_library(namespace: str, batch: int) -> None:
    op = PriorBox((30.0, -0.5), (40.0, -0.7), (2.0, 3.0), (0.1, 0.1, 0.2, 0.2), clip=True)
    feature = np.zeros((batch, 2, 4, 5), np.float32)
    image = np.zeros((batch, 3, 100, 120), np.float32)
    check_op(op, feature, image, expect=[plain(op, feature, image)], namespaces=(namespace,))


@pytest.mark.parametrize(
    ("layer", "rows", "sizes", "step"),
    [
        (
            "044|PriorBox|conv3_3_norm_mbox_priorbox|conv3_3_norm_mbox_priorbox",
            (30, 40),
            (10.0, 16.0, 24.0),
            8.0,
        ),
    ],
)
def test_matches_the_original(shared_data: Path, layer: str, rows, sizes, step: float) -> None:
    golden = np.load(shared_data / "golden" / "zqcnn" / "libfacedetection.npz")
    spread = (0.1, 0.1, 0.2, 0.2)
    # The original's `step=` sets the vertical step alone.
    op = PriorBox(sizes, variances=spread, offset=0.5, step=(step, 0.0), rule="zqcnn")
    feature = np.zeros((1, 32, *rows), np.float32)
    check_op(
        op,
        feature,
        golden["input"],
        expect=[golden[f"blob/{layer}"]],
        tolerance=1e-7,
        namespaces=("numpy",),
    )


def test_the_two_rules_differ_where_the_map_does_not_divide_the_image() -> None:
    feature, image = np.zeros((1, 1, 8, 10), np.float32), np.zeros((1, 3, 240, 320), np.float32)
    exact = PriorBox((64.0,), step=(32.0, 32.0)).boxes((8, 10), (240, 320))
    theirs = PriorBox((64.0,), step=(32.0, 0.0), rule="zqcnn").boxes((8, 10), (240, 320))
    assert np.allclose(exact[-1, 1] - exact[0, 1], 7 * 32 / 240)
    assert np.allclose(theirs[-1, 1] - theirs[0, 1], 7 * 30 / 240)
    assert PriorBox((64.0,)).infer(feature.shape, image.shape) == ((1, 2, 320, 1),)


@pytest.mark.parametrize(
    "attributes",
    [
        {"min_sizes": ()},
        {"min_sizes": (1.0,), "max_sizes": (2.0, 3.0)},
        {"min_sizes": (1.0,), "variances": (0.1, 0.1)},
        {"min_sizes": (1.0,), "variances": (0.0,)},
        {"min_sizes": (1.0,), "aspect_ratios": (-2.0,)},
        {"min_sizes": (1.0,), "step": (-1.0, 0.0)},
        {"min_sizes": (1.0,), "rule": "caffe"},
    ],
)
def test_bad_attributes_are_refused(attributes: dict) -> None:
    with pytest.raises(InputError, match="PriorBox: found"):
        PriorBox(**attributes)


@pytest.mark.parametrize("shapes", [[(1, 2, 3, 4)], [(1, 2, 3, 4), (1, 2)]])
def test_shapes_that_do_not_fit_are_refused(shapes) -> None:
    with pytest.raises(ShapeError, match="PriorBox: found"):
        PriorBox((1.0,)).infer(*shapes)
