"""Faces for supervision (https://supervision.roboflow.com): its trackers, zones and annotators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zqcnn_xp.extras import needed
from zqcnn_xp.pipelines.exports.points import POINT_SETS, PointSet, chosen_points

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.faces import Faces

__all__ = ["to_supervision", "to_supervision_key_points"]


def to_supervision(faces: Faces) -> Any:
    """Return the boxes and everything that belongs to them.

    Returns
    -------
    supervision.Detections
        A copy, in the order of the faces. ``xyxy`` (n, 4) and ``confidence`` (n,) float32;
        ``class_id`` is 0 for all, since annotators choose colours by it. ``data`` holds
        ``class_name`` ("face"), the landmarks ``kps`` and ``landmark_2d_106`` where there are any,
        and every extra, each with one entry a face, so that filters and trackers keep them
        together.

    Raises
    ------
    PackageMissing
        If supervision is not installed.
    """
    supervision = needed("supervision", extra="results", purpose="detections of supervision")
    points = {name: getattr(faces, name) for name in POINT_SETS}
    data = {name: array.copy() for name, array in points.items() if array is not None}
    return supervision.Detections(
        xyxy=faces.bbox.copy(),
        confidence=faces.det_score.copy(),
        class_id=np.zeros(len(faces), int),
        data=_names(faces) | data | {name: array.copy() for name, array in faces.extra.items()},
    )


def to_supervision_key_points(faces: Faces, points: PointSet | None = None) -> Any:
    """Return landmarks for supervision's ``VertexAnnotator``, ``EdgeAnnotator`` and the like.

    Parameters
    ----------
    points
        ``"kps"`` or ``"landmark_2d_106"``; None is ``"kps"``.

    Returns
    -------
    supervision.KeyPoints
        A copy, in the order of the faces: ``xy`` (n, 5, 2) or (n, 106, 2) float32, and
        ``class_id`` 0. ``detection_confidence`` is the score of the face; networks give landmarks
        none, so that ``keypoint_confidence`` is None. A position that is not finite is 0, 0,
        which supervision takes for a point that is not there.

    Raises
    ------
    PackageMissing
        If supervision is not installed.
    InputError
        If these landmarks were not computed.
    """
    supervision = needed("supervision", extra="results", purpose="key points of supervision")
    found = chosen_points(faces, "kps" if points is None else points)
    assert found is not None  # noqa: S101 - a name was given
    seen = np.isfinite(found).all(axis=2, keepdims=True)
    return supervision.KeyPoints(
        xy=np.where(seen, found, np.float32(0)),
        class_id=np.zeros(len(faces), int),
        detection_confidence=faces.det_score.copy(),
        data=_names(faces),
    )


def _names(faces: Faces) -> dict[str, Any]:
    return {"class_name": np.full(len(faces), "face")}
