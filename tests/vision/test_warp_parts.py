"""The part of an image that a crop shows, and crops that show none."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.vision.warp_parts import new_crops, parts


def test_the_part_is_a_view_of_what_the_crop_touches():
    image = np.arange(40 * 50 * 3).reshape(40, 50, 3).astype(np.uint8)
    to_image = np.array([[[2.0, 0, 10], [0, 2, 20]]])
    crops = new_crops(1, (4, 6))
    (one,) = parts(image, to_image, crops)
    x, y = one.first
    assert x <= 10 < 20 < x + one.image.shape[1]
    assert y <= 20 < 26 < y + one.image.shape[0]
    np.testing.assert_array_equal(one.image[20 - y, 10 - x], image[20, 10])
    assert one.image.base is not None
    assert np.shares_memory(one.crop, crops)


@pytest.mark.parametrize("move", [(900.0, 0), (-900.0, 0), (0, 900.0), (0, -900.0)])
def test_crops_beside_the_image_are_black(move):
    crops = new_crops(1, (8, 8))
    crops[...] = 7
    to_image = np.array([[[1.0, 0, move[0]], [0, 1, move[1]]]])
    assert not list(parts(np.full((9, 9, 3), 5, np.uint8), to_image, crops))
    assert crops.max() == 0


def test_an_array_that_is_given_is_the_one_that_is_written():
    out = np.zeros((2, 4, 3, 3), np.uint8)
    assert new_crops(2, (4, 3), out) is out
