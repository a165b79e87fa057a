from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.vision.boxes import (
    areas,
    overlaps,
    refine,
    round_half_away,
    square,
    square_rounded,
)

_at = st.integers(-50, 50)
_box = st.tuples(_at, _at, st.integers(0, 40), st.integers(0, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
_boxes = st.lists(_box, min_size=1, max_size=6).map(lambda b: np.array(b, np.float64))


def _overlap(a: np.ndarray, b: np.ndarray, method: str, more: int) -> float:
    """One pair, from the definition."""
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + more)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + more)
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    whole = min(area_a, area_b) if method == "min" else area_a + area_b - width * height
    return width * height / whole if whole else 0.0


@pytest.mark.parametrize("method", ["union", "min"])
@pytest.mark.parametrize("inclusive", [False, True])
@given(a=_boxes, b=_boxes)
def test_overlaps(a: np.ndarray, b: np.ndarray, method: str, inclusive: bool) -> None:
    got = overlaps(a, b, areas(a), areas(b), method=method, inclusive=inclusive)
    want = [[_overlap(p, q, method, int(inclusive)) for q in b] for p in a]
    np.testing.assert_allclose(got, want)


def test_overlaps_leaves_its_arguments() -> None:
    a = np.array([[0.0, 0.0, 4.0, 4.0]])
    overlaps(a, a, areas(a), areas(a))
    np.testing.assert_array_equal(a, [[0, 0, 4, 4]])


@given(st.floats(-1e6, 1e6, width=32))
def test_round_half_away(x: float) -> None:
    want = np.sign(x) * np.floor(abs(x) + 0.5)
    assert round_half_away(np.float32([x]).astype(np.float64))[0] == want


def test_round_half_away_just_below_a_half() -> None:
    # Adding 0.5 and truncating would give 1 here.
    assert round_half_away(np.array([0.49999999999999994]))[0] == 0
    assert round_half_away(np.float32([0.49999997]))[0] == 0


@given(_boxes)
def test_square_keeps_centre_and_longer_side(boxes: np.ndarray) -> None:
    out = square(boxes)
    np.testing.assert_allclose(out[:, :2] + out[:, 2:], boxes[:, :2] + boxes[:, 2:])
    sides = out[:, 2:] - out[:, :2]
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    np.testing.assert_allclose(sides, np.stack([longer, longer], axis=1))


@given(_boxes)
def test_square_rounded_is_whole_and_square(boxes: np.ndarray) -> None:
    out = square_rounded(boxes.astype(np.float32))
    np.testing.assert_array_equal(out, np.trunc(out))
    sides = out[:, 2:] - out[:, :2]
    # Corners are rounded one by one, so a side may differ from the other by one.
    assert np.abs(sides[:, 0] - sides[:, 1]).max() <= 1
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    assert np.abs(sides - longer[:, None]).max() <= 1


def test_refine_inclusive() -> None:
    box, offsets = np.float32([[10, 20, 19, 39]]), np.float32([[0.1, -0.1, 0, 0.5]])
    assert refine(box, offsets, inclusive=True).tolist() == [[11, 18, 19, 49]]
    assert refine(box, np.zeros_like(offsets)).tolist() == box.tolist()
