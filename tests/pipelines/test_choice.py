"""Which face is meant, and looking harder only where nothing was found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.choice import RETRY_LEVELS, Retry, choose_faces, retry_levels
from zqcnn_xp.pipelines.faces import Faces

FACES = Faces(
    [[0, 0, 50, 60], [80, 30, 110, 60], [150, 60, 170, 80], [0, 0, 50, 60]],
    [0.8, 0.7, 0.95, 0.9],
    np.arange(40).reshape(4, 5, 2),
)
IMAGE = np.zeros((100, 200, 3), np.uint8)


@pytest.mark.parametrize(("choice", "index"), [("largest", 0), ("central", 1), ("best", 2)])
def test_one_face(choice, index):
    chosen = choose_faces(FACES, (100, 200), choice)
    assert len(chosen) == 1
    np.testing.assert_array_equal(chosen.bbox[0], FACES.bbox[index])
    np.testing.assert_array_equal(chosen.kps[0], FACES.kps[index])


def test_the_centre_is_that_of_a_wide_image():
    assert choose_faces(FACES, (60, 320), "central").bbox[0].tolist() == [150, 60, 170, 80]


def test_all_and_none():
    assert choose_faces(FACES, (100, 200), "all") is FACES
    for choice in ("largest", "central", "best", "all"):
        assert len(choose_faces(Faces.empty(), (100, 200), choice)) == 0


def test_a_box_turned_inside_out_is_not_the_largest():
    faces = Faces([[90, 90, 0, 0], [5, 5, 9, 9]], [0.9, 0.8])
    assert choose_faces(faces, (100, 100)).bbox[0].tolist() == [5, 5, 9, 9]


def test_another_choice():
    with pytest.raises(InputError, match="smallest"):
        choose_faces(FACES, (1, 1), "smallest")


def test_levels_bounded_below():
    assert retry_levels() == RETRY_LEVELS
    assert retry_levels(12) == RETRY_LEVELS
    assert retry_levels(13) == RETRY_LEVELS[:4]
    assert retry_levels(60) == RETRY_LEVELS[:1]
    assert retry_levels(61) == ((61, 0.709),)


def maker(smallest, made):
    """Detectors that see a face of so many pixels, and note that they were made."""

    def make(min_face, factor):
        made.append((min_face, factor))

        def detect(image):
            box = [[0, 0, smallest, smallest]]
            return Faces(box, [0.9]) if min_face <= smallest else Faces.empty()

        return detect

    return make


@pytest.mark.parametrize(("smallest", "tries"), [(100, 1), (60, 1), (45, 2), (20, 4), (5, 5)])
def test_it_tries_until_it_finds(smallest, tries):
    made = []
    retry = Retry(maker(smallest, made))
    assert len(retry(IMAGE)) == (smallest >= 12)
    assert tuple(made) == RETRY_LEVELS[:tries]
    retry(IMAGE)
    assert len(made) == tries  # each is made once


def test_many_threads_share_detectors():
    made = []
    retry = Retry(maker(30, made))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(retry, [IMAGE] * 60))
    assert {len(faces) for faces in found} == {1}
    assert tuple(made) == RETRY_LEVELS[:3]
