"""The points of faces, from all that holds faces."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines import Faces
from zqcnn_xp.pipelines.embedding.points import faces_of, points_of_faces

KPS = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
FACES = Faces(np.ones((2, 4)), [0.9, 0.8], KPS, extra={"age": [3, 4]})


@pytest.mark.parametrize("faces", [FACES, list(FACES), tuple(FACES), KPS, KPS.tolist()])
def test_all_forms_have_the_same_points(faces):
    np.testing.assert_array_equal(np.asarray(points_of_faces(faces)), KPS)


def test_one_face_is_a_list_of_one():
    np.testing.assert_array_equal(np.asarray(points_of_faces(FACES[1])), KPS[1:])
    assert len(faces_of(FACES[1])) == 1


def test_faces_without_points():
    bare = Faces(np.ones((1, 4)), [0.5])
    for faces in (bare, list(bare), [FACES[0], bare[0]]):
        with pytest.raises(InputError, match="without five points"):
            points_of_faces(faces)
    assert points_of_faces(Faces.empty()).shape == (0, 5, 2)


def test_faces_come_back_whole():
    again = faces_of(list(FACES))
    for name in ("bbox", "det_score", "kps", "age"):
        np.testing.assert_array_equal(getattr(again, name), getattr(FACES, name))
    assert faces_of(FACES) is FACES
    assert faces_of([]).kps.shape == (0, 5, 2)


def test_what_holds_no_faces():
    for given in (5, [5], "faces", [{"kps": KPS[0]}]):
        with pytest.raises(InputError, match="expected"):
            faces_of(given)
