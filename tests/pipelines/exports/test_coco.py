"""COCO annotations: the fields that its two formats have, in its units."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.exports.coco import coco_category
from zqcnn_xp.pipelines.faces import Faces

KPS = np.arange(20.0).reshape(2, 5, 2)


def test_boxes_are_corner_and_size():
    box = np.float32([[1.1, 2.7, 11.3, 32.9], [-5, -6, 3, 4]])
    faces = Faces(box, [0.75, 0.5])
    one, two = faces.to_coco(7, category_id=3, first_id=41)
    assert two == {
        "id": 42,
        "image_id": 7,
        "category_id": 3,
        "bbox": [-5.0, -6.0, 8.0, 10.0],
        "area": 80.0,
        "iscrowd": 0,
        "score": 0.5,
    }
    x, y, w, h = one["bbox"]
    assert np.float32([x, y, x + w, y + h]).tolist() == box[0].tolist()
    assert one["area"] == w * h


def test_landmarks_are_triples():
    kps = KPS.copy()
    kps[1, 3] = np.nan, 4
    one, two = Faces(np.ones((2, 4)), [0.5, 0.5], kps).to_coco(1)
    assert one["keypoints"] == [0, 1, 2, 2, 3, 2, 4, 5, 2, 6, 7, 2, 8, 9, 2]
    assert one["num_keypoints"] == 5
    assert two["keypoints"][9:12] == [0, 0, 0]
    assert two["num_keypoints"] == 4
    assert all(isinstance(v, int) for v in two["keypoints"][2::3])
    assert len(coco_category()["keypoints"]) * 3 == len(one["keypoints"])


def test_the_landmarks_that_are_named():
    faces = Faces(np.ones((2, 4)), [0.5, 0.5], KPS, np.ones((2, 106, 2)))
    assert len(faces.to_coco(1)[0]["keypoints"]) == 15
    assert len(faces.to_coco(1, points="landmark_2d_106")[0]["keypoints"]) == 318
    with pytest.raises(InputError, match="these faces have none"):
        Faces(np.ones((2, 4)), [0.5, 0.5], KPS).to_coco(1, points="landmark_2d_106")
    with pytest.raises(InputError, match="expected one of kps, landmark_2d_106"):
        faces.to_coco(1, points="bbox")


def test_the_document_is_json():
    faces = Faces(np.ones((2, 4)), [0.1, 0.2], KPS)
    document = {"annotations": faces.to_coco(np.int64(1)), "categories": [coco_category()]}
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Faces.empty(landmarks=5).to_coco(1) == []


def test_a_category_without_points():
    assert coco_category(4, keypoints=False) == {
        "id": 4,
        "name": "face",
        "supercategory": "person",
    }
    bones = np.array(coco_category()["skeleton"])
    assert (bones.min(), bones.max()) == (1, 5)


def test_what_is_refused():
    with pytest.raises(InputError, match="face 1 has bbox"):
        Faces([[0, 0, 9, 9], [0, 0, np.inf, 9]], [0.5, 0.5]).to_coco(1)
    with pytest.raises(InputError, match=r"face 0 has .* det_score nan"):
        Faces([[0, 0, 9, 9]], [np.nan]).to_coco(1)
    with pytest.raises(InputError, match=r"image_id='a.jpg': expected an integer"):
        Faces.empty().to_coco("a.jpg")
    with pytest.raises(InputError, match="first_id=True"):
        Faces.empty().to_coco(1, first_id=True)
