"""Drawing: where ink lands, in which colour order, and that the input stays as it was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.draw import draw_faces

BOX = (0, 220, 80)


def grey(height=200, width=300):
    return np.full((height, width, 3), 128, np.uint8)


def ink(drawn, background=128):
    rows, columns = np.nonzero((drawn != background).any(axis=2))
    return rows, columns


def test_the_box_lies_on_its_coordinates():
    drawn = draw_faces(grey(), Faces([[40, 50, 140, 170]], [0.9]), scores=False)
    rows, columns = ink(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50, 170, 40, 140)
    assert tuple(drawn[100, 40]) == BOX
    assert (drawn[60:160, 60:130] == 128).all()


def test_the_input_is_never_modified_and_never_shared():
    image = grey()
    drawn = draw_faces(image, Faces.empty())
    assert not np.shares_memory(drawn, image)
    draw_faces(image, Faces([[40, 50, 140, 170]], [0.9]))
    assert (image == 128).all()


@pytest.mark.parametrize("readonly", [False, True])
def test_bgr_in_gives_bgr_out(readonly):
    image = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    image.flags.writeable = not readonly
    faces = Faces(
        [[10, 30, 60, 80]], [0.5], kps=[[[20, 40], [50, 40], [35, 55], [25, 70], [45, 70]]]
    )
    rgb = draw_faces(image[:, :, ::-1], faces)
    bgr = draw_faces(image, faces, color="bgr")
    np.testing.assert_array_equal(bgr, rgb[:, :, ::-1])
    np.testing.assert_array_equal(bgr[100:], image[100:])


def test_points_are_drawn_in_five_colours():
    points = [[60, 80], [120, 80], [90, 110], [70, 140], [110, 140]]
    faces = Faces([[40, 50, 140, 170]], [0.9], kps=[points])
    drawn = draw_faces(grey(), faces)
    colors = {tuple(drawn[y, x]) for x, y in points}
    assert len(colors) == 5
    assert (128, 128, 128) not in colors
    without = draw_faces(grey(), faces, points=False)
    assert all(tuple(without[y, x]) == (128, 128, 128) for x, y in points)


def test_106_points_are_drawn():
    rng = np.random.default_rng(0)
    points = rng.integers(60, 160, (106, 2))
    drawn = draw_faces(grey(), Faces([[40, 50, 180, 170]], [0.9], landmark_2d_106=[points]))
    assert all((drawn[y, x] != 128).any() for x, y in points)


def test_scores_add_a_label_above_the_box_or_inside_at_the_edge():
    for top in (0, 60):
        faces = Faces([[40, top, 140, 170]], [0.87])
        plain = draw_faces(grey(), faces, scores=False)
        labelled = draw_faces(grey(), faces)
        rows, _ = np.nonzero((plain != labelled).any(axis=2))
        assert len(rows)
        assert rows.max() <= top if top else rows.max() < 40


@pytest.mark.parametrize("size", [100, 1200, 3000])
def test_thickness_grows_with_the_image(size):
    drawn = draw_faces(grey(size, size), Faces([[20, 20, size - 20, size - 20]], [1]), scores=False)
    thickness = int((drawn[size // 2, : size // 2] != 128).any(axis=1).sum())
    assert abs(thickness - max(1, size / 300)) <= 1


@pytest.mark.parametrize(
    "bbox",
    [
        [-50, -60, 400, 300],
        [-1e9, -1e9, 1e9, 1e9],
        [np.nan, 0, 10, 10],
        [np.inf, -np.inf, 10, 10],
        [150, 150, 20, 20],
        [5, 5, 5, 5],
    ],
)
def test_any_box_and_points_can_be_drawn(bbox):
    points = [[np.nan, 5], [1e30, 5], [-1e30, 5], [5, np.inf], [50, 50]]
    drawn = draw_faces(grey(), Faces([bbox], [np.nan], kps=[points]))
    assert drawn.shape == (200, 300, 3)
    assert (drawn[50, 50] != 128).any()


def test_a_one_pixel_image_can_be_drawn_on():
    assert draw_faces(np.zeros((1, 1), np.uint8), Faces([[0, 0, 1, 1]], [1])).shape == (1, 1, 3)


def test_any_object_with_a_box_will_do():
    drawn = draw_faces(grey(), [SimpleNamespace(bbox=(40, 50, 140, 170))])
    assert tuple(drawn[100, 40]) == BOX


def test_bad_images_and_colours_are_named():
    with pytest.raises(ImageError, match=r"\(0, 5, 3\)"):
        draw_faces(np.zeros((0, 5, 3), np.uint8), Faces.empty())
    with pytest.raises(InputError, match="'rgb' or 'bgr'"):
        draw_faces(grey(), Faces.empty(), color="gbr")
