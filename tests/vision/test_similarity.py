"""Similarity transforms against the published rule, solved the long way; and what is no face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.eyes_mouth import eyes_mouth_transforms
from zqcnn_xp.vision.similarity import (
    checked_points,
    inverted,
    similarity_transforms,
    umeyama_transforms,
)
from zqcnn_xp.vision.templates import get_template

POINTS = get_template("arcface").points
EYES_MOUTH = get_template("lightcnn").points

RULES = [
    (similarity_transforms, POINTS),
    (umeyama_transforms, POINTS),
    (eyes_mouth_transforms, EYES_MOUTH),
]

seeds = st.integers(0, 2**32 - 1)


def affine(transforms, points):
    """Move points (n, k, 2) by transforms (n, 2, 3)."""
    return points @ transforms[:, :, :2].transpose(0, 2, 1) + transforms[:, None, :, 2]


def similar(rng, n=1, mirrored=False):
    """Transforms from the crop to an image, as exact similarities."""
    angle, scale = rng.uniform(-np.pi, np.pi, n), np.exp(rng.uniform(-2, 3, n))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([cos, -sin, sin, cos], -1).reshape(n, 2, 2)
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    return np.concatenate([linear, rng.uniform(-500, 3000, (n, 2, 1))], axis=2)


def cp2tform(uv, xy):
    """MATLAB's rule as its documentation describes it: least squares twice, the better of both."""

    def fitted(xy):
        x, y, one, zero = xy[:, 0], xy[:, 1], np.ones(len(xy)), np.zeros(len(xy))
        rows = np.vstack([np.stack([x, y, one, zero], 1), np.stack([y, -x, zero, one], 1)])
        sc, ss, tx, ty = np.linalg.lstsq(rows, uv.T.ravel(), rcond=None)[0]
        return np.array([[sc, ss, tx], [-ss, sc, ty], [0, 0, 1]])

    plain = fitted(xy)
    mirrored = fitted(xy * [-1, 1]) @ np.diag([-1, 1, 1])
    left = [
        np.sum((xy @ m[:2, :2].T + m[:2, 2] - uv) ** 2) for m in (plain, mirrored)
    ]  # in the image, where it was fitted
    return np.linalg.inv(mirrored if left[1] < left[0] else plain)[:2]


@given(seeds, st.booleans(), st.floats(0, 0.3))
def test_the_published_rule(seed, mirrored, noise):
    rng = np.random.default_rng(seed)
    to_image = similar(rng, 3, mirrored)
    kps = affine(to_image, np.repeat(POINTS[None], 3, 0))
    kps += noise * rng.normal(size=kps.shape) * np.ptp(kps, axis=1, keepdims=True)
    found = similarity_transforms(kps, POINTS)
    expected = np.stack([cp2tform(face, POINTS) for face in kps])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@given(seeds, st.booleans())
def test_exact_points_are_found_again(seed, mirrored):
    to_image = similar(np.random.default_rng(seed), 4, mirrored)
    kps = affine(to_image, np.repeat(POINTS[None], 4, 0))
    found = similarity_transforms(kps, POINTS)
    np.testing.assert_allclose(affine(found, kps), np.repeat(POINTS[None], 4, 0), atol=1e-6)
    np.testing.assert_allclose(inverted(found), to_image, rtol=1e-7, atol=1e-5)
    assert (np.sign(np.linalg.det(found[:, :, :2])) == (-1 if mirrored else 1)).all()


@given(seeds, st.floats(0.05, 20), st.floats(-200, 200), st.floats(-200, 200))
def test_a_scaled_or_moved_image_scales_and_moves_the_transform(seed, scale, dx, dy):
    rng = np.random.default_rng(seed)
    kps = affine(similar(rng), POINTS[None]) + rng.normal(size=(1, 5, 2))
    for rule, points in RULES:
        before, after = rule(kps, points), rule(kps * scale + (dx, dy), points)
        np.testing.assert_allclose(after[:, :, :2], before[:, :, :2] / scale, rtol=1e-6)
        np.testing.assert_allclose(
            affine(after, kps * scale + (dx, dy)), affine(before, kps), atol=1e-5
        )


def test_the_fit_is_to_the_image_not_to_the_template():
    """With points that do not fit, the other direction gives a smaller scale: another crop."""
    kps = POINTS[None] + np.random.default_rng(3).normal(size=(1, 5, 2)) * 6
    found = similarity_transforms(kps, POINTS)[0]
    x, y, one, zero = kps[0, :, 0], kps[0, :, 1], np.ones(5), np.zeros(5)
    rows = np.vstack([np.stack([x, y, one, zero], 1), np.stack([y, -x, zero, one], 1)])
    other = np.linalg.lstsq(rows, POINTS.T.ravel(), rcond=None)[0]
    assert np.hypot(*found[0, :2]) > np.hypot(*other[:2]) * 1.005


def test_without_reflection_a_mirrored_face_is_fitted_as_it_is():
    kps = (POINTS * [-1, 1] + [200, 0])[None]
    assert np.linalg.det(similarity_transforms(kps, POINTS)[0, :, :2]) < 0
    assert np.linalg.det(similarity_transforms(kps, POINTS, reflect=False)[0, :, :2]) > 0


@given(seeds)
def test_points_on_a_line_are_not_reflected(seed):
    rng = np.random.default_rng(seed)
    along = rng.normal(size=(1, 5, 1)) * 30 + np.arange(5)[None, :, None] * 50
    kps = along * rng.normal(size=2) + rng.uniform(-100, 100, 2)
    try:
        found = similarity_transforms(kps, POINTS)
    except InputError:
        return
    assert np.linalg.det(found[0, :, :2]) > 0


@given(seeds, st.floats(0, 0.3))
def test_umeyama_is_least_squares_in_the_crop(seed, noise):
    rng = np.random.default_rng(seed)
    kps = affine(similar(rng), POINTS[None])
    kps += noise * rng.normal(size=kps.shape) * np.ptp(kps, axis=1, keepdims=True)
    x, y, one, zero = kps[0, :, 0], kps[0, :, 1], np.ones(5), np.zeros(5)
    rows = np.vstack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, tx, ty = np.linalg.lstsq(rows, POINTS.T.ravel(), rcond=None)[0]
    found = umeyama_transforms(kps, POINTS)[0]
    np.testing.assert_allclose(found, [[a, -b, tx], [b, a, ty]], rtol=1e-6, atol=1e-6)
    # The same turn as the other rule's, and never a larger scale.
    ours = similarity_transforms(kps, POINTS, reflect=False)[0]
    ratio = found[:, :2] @ np.linalg.inv(ours[:, :2])
    np.testing.assert_allclose(ratio, np.eye(2) * ratio[0, 0], atol=1e-9)
    assert 0 < ratio[0, 0] <= 1 + 1e-9


def test_umeyama_is_what_others_compute():
    transform = pytest.importorskip("skimage.transform")
    rng = np.random.default_rng(0)
    kps = POINTS * 2 + rng.normal(size=(6, 5, 2)) * 5
    for face, found in zip(kps, umeyama_transforms(kps, POINTS), strict=True):
        theirs = transform.estimate_transform("similarity", face, POINTS)
        np.testing.assert_allclose(found, theirs.params[:2], atol=1e-9)


@pytest.mark.parametrize(("rule", "points"), RULES)
@pytest.mark.parametrize(
    "face",
    [
        np.full((5, 2), 7.0),
        np.full((5, 2), 7e6) + 1e-9 * POINTS,
        np.where(np.arange(10).reshape(5, 2) == 3, np.nan, POINTS),
        np.where(np.arange(10).reshape(5, 2) == 3, np.inf, POINTS),
        POINTS * 1e9,
    ],
    ids=["one point", "nearly one point", "NaN", "infinity", "beyond any image"],
)
def test_what_is_no_face(rule, points, face):
    with pytest.raises(InputError):
        rule(np.stack([POINTS, face]), points)


def test_the_error_names_the_face():
    with pytest.raises(InputError, match="face 2"):
        similarity_transforms(np.stack([POINTS, POINTS, np.ones((5, 2))]), POINTS)


def test_only_a_reflection_would_do():
    square = np.array([[1, 0], [0, 1], [-1, 0], [0, -1.0]])
    kps = (square * [-1, 1])[None]
    assert similarity_transforms(kps, square).shape == (1, 2, 3)
    with pytest.raises(InputError, match="in no way"):
        similarity_transforms(kps, square, reflect=False)
    with pytest.raises(InputError, match="in no way"):
        umeyama_transforms(kps, square)


@pytest.mark.parametrize(
    "kps", [POINTS, np.ones((1, 4, 2)), np.ones((1, 5, 3)), "face", [[1], [1, 2]], None]
)
@pytest.mark.parametrize(("rule", "points"), RULES)
def test_other_shapes(rule, points, kps):
    with pytest.raises(InputError, match="kps"):
        rule(kps, points)


@pytest.mark.parametrize("points", [[[1, 1]], [[1, 1], [1, 1]], np.ones((5, 3)), [[0, np.nan]] * 5])
def test_points_that_are_no_template(points):
    count = max(len(points), 2)
    with pytest.raises(InputError, match="points"):
        similarity_transforms(np.ones((1, count, 2)), points)


def test_no_faces():
    assert similarity_transforms(np.empty((0, 5, 2)), POINTS).shape == (0, 2, 3)
    assert umeyama_transforms(np.empty((0, 5, 2)), POINTS).shape == (0, 2, 3)


def test_points_with_gradients_and_complex_ones():
    torch = pytest.importorskip("torch")
    points = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]], requires_grad=True)
    plain = points.detach().numpy()
    for kps in (points, [points[0]], [list(points[0])]):
        np.testing.assert_array_equal(checked_points(kps, 3), plain)
    with pytest.raises(InputError, match="complex ones, expected x and y"):
        checked_points(plain + 1j, 3)


def test_an_empty_list_holds_no_faces():
    assert checked_points([], 5).shape == (0, 5, 2)
