"""Faces as COCO annotations (https://cocodataset.org/#format-data)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.exports.points import KPS_NAMES, PointSet, chosen_points, finite_boxes

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.faces import Faces

__all__ = ["coco_category", "to_coco"]

_VISIBLE = 2.0  # labelled and visible; 0 is not labelled


def to_coco(
    faces: Faces,
    image_id: int,
    *,
    category_id: int = 1,
    first_id: int = 1,
    points: PointSet | None = None,
) -> list[dict[str, Any]]:
    """Return one COCO annotation a face.

    A list serves both of COCO's formats. As ``"annotations"`` of a data set's file it has ``id``,
    ``area`` and ``iscrowd``; as results it has ``score``, and ``COCO.loadRes`` of pycocotools reads
    it as it is, numbering the faces anew.

    Parameters
    ----------
    image_id
        The image's number in the data set.
    category_id
        What a face is there; see `coco_category`.
    first_id
        Number of the first annotation; it must be unique in a data set, so that a second image's
        is the first one's plus its faces. COCO's evaluation takes 0 for "no match": begin at 1.
    points
        Landmarks for ``keypoints``, ``"kps"`` or ``"landmark_2d_106"``; None takes the five
        points where there are any.

    Returns
    -------
    list of dict
        Plain values, ready for JSON. ``bbox`` is x1, y1, x2 - x1, y2 - y1 in pixels, not cut at
        the image's edges, and ``area`` the product of the last two. ``keypoints`` is x, y, v a
        point with v = 2, or 0, 0, 0 where a position is not finite; ``num_keypoints`` counts
        those with v > 0. Both are left out where there are no landmarks.

    Raises
    ------
    InputError
        If a box or score is not finite, a number is no integer, or ``points`` were not computed.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> Faces([[1, 2, 11, 22]], [0.5]).to_coco(7)  # doctest: +NORMALIZE_WHITESPACE
    [{'id': 1, 'image_id': 7, 'category_id': 1, 'bbox': [1.0, 2.0, 10.0, 20.0], 'area': 200.0,
      'iscrowd': 0, 'score': 0.5}]
    """
    given = {"image_id": image_id, "category_id": category_id, "first_id": first_id}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InputError(f"{name}={value!r}: expected an integer")
    landmarks = chosen_points(faces, points)
    boxes = finite_boxes(faces)
    sizes = boxes[:, 2:] - boxes[:, :2]
    found: list[dict[str, Any]] = []
    for i, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        face: dict[str, Any] = {
            "id": int(first_id) + i,
            "image_id": int(image_id),
            "category_id": int(category_id),
            "bbox": [*box[:2].tolist(), *size.tolist()],
            "area": float(size[0] * size[1]),
            "iscrowd": 0,
            "score": float(faces.det_score[i]),
        }
        if landmarks is not None:
            seen = np.isfinite(landmarks[i]).all(axis=1, keepdims=True)
            flagged = np.concatenate([landmarks[i], np.full_like(seen, _VISIBLE, float)], axis=1)
            face["keypoints"] = np.where(seen, flagged, 0.0).ravel().tolist()
            face["keypoints"][2::3] = [int(v) for v in face["keypoints"][2::3]]
            face["num_keypoints"] = int(seen.sum())
        found.append(face)
    return found


def coco_category(category_id: int = 1, *, keypoints: bool = True) -> dict[str, Any]:
    """Return the entry of ``"categories"`` that the annotations of `to_coco` refer to.

    Parameters
    ----------
    category_id
        As there.
    keypoints
        Name the five points, in the order of ``kps``. Left is as seen in the image; COCO's own
        category "person" counts from the person's side.

    Examples
    --------
    >>> coco_category()["keypoints"]
    ['left_eye', 'right_eye', 'nose', 'mouth_left', 'mouth_right']
    """
    found: dict[str, Any] = {"id": category_id, "name": "face", "supercategory": "person"}
    if keypoints:
        # Bones between points that are numbered from 1: eyes, nose, mouth.
        skeleton = [[1, 2], [1, 3], [2, 3], [3, 4], [3, 5], [4, 5]]
        found |= {"keypoints": list(KPS_NAMES), "skeleton": skeleton}
    return found
