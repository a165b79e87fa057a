"""Which landmarks are taken, and boxes that are numbers."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.exports.points import KPS_NAMES, chosen_points, finite_boxes
from zqcnn_xp.pipelines.faces import Faces


def test_chosen_points():
    faces = Faces(np.zeros((1, 4)), [0.5], np.ones((1, 5, 2)), np.ones((1, 106, 2)))
    assert chosen_points(faces, None) is faces.kps
    assert chosen_points(faces, "kps") is faces.kps
    assert chosen_points(faces, "landmark_2d_106") is faces.landmark_2d_106
    assert chosen_points(Faces.empty(), None) is None
    assert len(KPS_NAMES) == 5


def test_finite_boxes():
    boxes = finite_boxes(Faces([[0.1, 0, 9, 9]], [0.5]))
    assert boxes.dtype == np.float64
    assert boxes[0, 0] == float(np.float32(0.1))
    assert finite_boxes(Faces.empty()).shape == (0, 4)
    with pytest.raises(InputError, match="face 1 has bbox"):
        finite_boxes(Faces([[0, 0, 9, 9], [0, -np.inf, 9, 9]], [0.5, 0.5]))
