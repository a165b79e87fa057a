"""Templates: published coordinates, and templates of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.templates import TEMPLATES, Template, get_template


@pytest.mark.parametrize(
    ("name", "size", "left_eye", "right_mouth"),
    [
        ("arcface", (112, 112), (38.2946, 51.6963), (70.7299, 92.2041)),
        ("sphereface", (112, 96), (30.2946, 51.6963), (62.7299, 92.2041)),
        ("160", (160, 160), (62.2946, 75.6963), (94.7299, 116.2041)),
        ("dot85", (256, 256), (93.53770, 119.62315), (156.67070, 198.46869)),
    ],
)
def test_published_coordinates(name, size, left_eye, right_mouth):
    template = get_template(name)
    assert (template.name, template.size, template.rule) == (name, size, "similarity")
    np.testing.assert_allclose(template.points[[0, 4]], [left_eye, right_mouth], atol=1e-4)


def test_insightface_differs_by_its_fit_alone():
    ours, theirs = get_template("arcface"), get_template("insightface")
    np.testing.assert_array_equal(ours.points, theirs.points)
    assert (theirs.size, theirs.rule) == (ours.size, "umeyama")
    kps = ours.points[None] * 2 + np.random.default_rng(0).normal(size=(1, 5, 2)) * 4
    scale = [np.linalg.det(t.transforms(kps)[0, :, :2]) ** 0.5 for t in (ours, theirs)]
    assert 0.97 < scale[1] / scale[0] < 0.999


def test_lightcnn_has_a_rule_of_its_own():
    template = get_template("lightcnn")
    assert template.size == (128, 128)
    kps = get_template("arcface").points[None] * 3 + 20
    transform = template.transforms(kps)[0]
    eyes = transform[:, :2] @ kps[0, :2].mean(0) + transform[:, 2]
    mouth = transform[:, :2] @ kps[0, 3:].mean(0) + transform[:, 2]
    np.testing.assert_allclose(eyes, [64, 40], atol=1e-9)
    assert mouth[1] == pytest.approx(88)
    np.testing.assert_allclose(transform, template.transforms(kps, reflect=False)[0])


@pytest.mark.parametrize("name", TEMPLATES)
def test_points_already_in_place_are_left_there(name):
    template = get_template(name)
    points = template.points
    if template.rule == "eyes-mouth":
        beside = np.array([[-18, 0], [18, 0], [0, 20], [-9, 0], [9, 0]])
        points = points[[0, 0, 0, 1, 1]] + beside
    identity = [[[1, 0, 0], [0, 1, 0]]]
    np.testing.assert_allclose(template.transforms(points[None]), identity, atol=1e-9)


def test_all_have_their_points_inside():
    for name in TEMPLATES:
        template = get_template(name)
        assert (template.points > 0).all()
        assert (template.points < template.size[::-1]).all()


def test_a_template_is_returned_as_it_is_and_cannot_be_written_to():
    points = get_template("arcface").points.tolist()
    mine = Template("mine", [100, 90], points)
    assert get_template(mine) is mine
    assert mine.size == (100, 90)
    with pytest.raises(ValueError, match="read-only"):
        mine.points[0, 0] = 1


@pytest.mark.parametrize("name", ["arc", "", None, 160, ["arcface"]])
def test_no_such_template(name):
    with pytest.raises(InputError, match=r"sphereface.*dot85"):
        get_template(name)


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": (0, 112)},
        {"size": (112, 5000)},
        {"size": 112},
        {"size": (112, 112, 3)},
        {"points": np.ones((4, 2))},
        {"points": np.full((5, 2), np.nan)},
        {"points": "face"},
        {"rule": "affine"},
        {"rule": "eyes-mouth"},
    ],
)
def test_what_is_no_template(arguments):
    good = {"size": (112, 112), "points": get_template("arcface").points}
    with pytest.raises(InputError, match="template 'mine'"):
        Template("mine", **(good | arguments))


@pytest.mark.parametrize("size", [(112.7, 112), (112, "112"), ("112", "112"), (112.0, 112.0), "99"])
def test_a_size_is_whole_numbers(size):
    with pytest.raises(InputError, match="template 'mine'"):
        Template("mine", size, get_template("arcface").points)
