"""Eyes level, eyes and mouth at their heights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.eyes_mouth import eyes_mouth_transforms
from zqcnn_xp.vision.templates import get_template

POINTS = get_template("arcface").points
EYES_MOUTH = get_template("lightcnn").points


def affine(transforms, points):
    """Move points (n, k, 2) by transforms (n, 2, 3)."""
    return points @ transforms[:, :, :2].transpose(0, 2, 1) + transforms[:, None, :, 2]


@given(st.integers(0, 2**32 - 1))
def test_eyes_and_mouth_come_to_their_heights(seed):
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-np.pi, np.pi, 5), np.exp(rng.uniform(-2, 3, 5))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.stack([cos, -sin, sin, cos], -1).reshape(5, 2, 2)
    kps = (POINTS + rng.normal(size=(5, 5, 2)) * 2) @ turn + rng.uniform(-500, 3000, (5, 1, 2))
    for face in (kps, kps[:, [1, 0, 2, 4, 3]]):  # whichever eye is called the left one
        transforms = eyes_mouth_transforms(face, EYES_MOUTH)
        crop = affine(transforms, face)
        assert (np.linalg.det(transforms[:, :, :2]) > 0).all()
        np.testing.assert_allclose(crop[:, :2, 1], 40, atol=1e-6)
        np.testing.assert_allclose(crop[:, :2, 0].mean(1), 64, atol=1e-6)
        np.testing.assert_allclose(crop[:, 3:, 1].mean(1), 88, atol=1e-6)


def test_a_turned_head_keeps_its_mouth_beside_the_middle():
    kps = POINTS[None] + [[[0, 0], [0, 0], [0, 0], [9, 0], [9, 0]]]
    crop = affine(eyes_mouth_transforms(kps, EYES_MOUTH), kps)
    assert crop[0, 3:, 0].mean() > 64 + 5


def test_the_nose_does_not_count():
    kps = POINTS[None].copy()
    before = eyes_mouth_transforms(kps, EYES_MOUTH)
    kps[0, 2] += 40
    np.testing.assert_array_equal(eyes_mouth_transforms(kps, EYES_MOUTH), before)


def test_the_error_names_the_face():
    eyes = POINTS.copy()
    eyes[:2] = 50
    with pytest.raises(InputError, match="face 1"):
        eyes_mouth_transforms(np.stack([POINTS, eyes]), EYES_MOUTH)


def test_a_mouth_between_the_eyes_has_no_height():
    kps = np.array([[[0, 0], [10, 0], [5, 5], [3, 0], [7, 0]]])
    with pytest.raises(InputError, match="mouth"):
        eyes_mouth_transforms(kps, EYES_MOUTH)


@pytest.mark.parametrize(
    "points", [[[1, 1]], [[1, 1], [9, 1]], np.ones((5, 2)), [[0, np.nan], [0, 1]]]
)
def test_points_that_are_no_template(points):
    with pytest.raises(InputError, match="points"):
        eyes_mouth_transforms(POINTS[None], points)


def test_no_faces():
    assert eyes_mouth_transforms(np.empty((0, 5, 2)), EYES_MOUTH).shape == (0, 2, 3)
