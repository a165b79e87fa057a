"""The five points of faces, whatever the faces come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.faces import Faces

__all__ = ["faces_of", "points_of_faces"]

_WITHOUT = "found faces without five points: they cannot be aligned"


def points_of_faces(faces: Any) -> Any:
    """Return the points of one image's faces.

    Parameters
    ----------
    faces
        `Faces`, a `Face`, a list of `Face`, or points, which are returned as they are.

    Returns
    -------
    array_like
        (n, 5, 2).

    Raises
    ------
    InputError
        Faces without points.

    Examples
    --------
    >>> points = np.zeros((2, 5, 2))
    >>> np.shape(points_of_faces(list(Faces(np.zeros((2, 4)), [0.9, 0.8], points))))
    (2, 5, 2)
    """
    if isinstance(faces, Faces):
        if faces.kps is None and len(faces):
            raise InputError(_WITHOUT)
        return np.empty((0, 5, 2), np.float32) if faces.kps is None else faces.kps
    if isinstance(faces, Mapping):
        faces = [faces]
    if isinstance(faces, list | tuple) and any(isinstance(face, Mapping) for face in faces):
        rows = [face.get("kps") if isinstance(face, Mapping) else face for face in faces]
        if any(row is None for row in rows):
            raise InputError(_WITHOUT)
        return rows
    return faces


def faces_of(faces: Any) -> Faces:
    """Return one image's faces as `Faces`.

    Parameters
    ----------
    faces
        `Faces`, or a sequence of `Face`.

    Raises
    ------
    InputError
        Something else.

    Examples
    --------
    >>> faces_of(list(Faces([[0, 0, 9, 9]], [0.5])))
    Faces(1)
    """
    if isinstance(faces, Faces):
        return faces
    each = [faces] if isinstance(faces, Mapping) else faces
    if not isinstance(each, Sequence) or not all(isinstance(face, Mapping) for face in each):
        raise InputError(f"found a {type(faces).__name__}, expected Faces or a list of Face")
    if not each:
        return Faces.empty(landmarks=5)
    names = [name for name in each[0] if all(name in face for face in each)]
    missing = [name for name in ("bbox", "det_score") if name not in names]
    if missing:
        raise InputError(f"found faces without {missing[0]}, expected boxes and scores")
    arrays = {name: np.stack([np.asarray(face[name]) for face in each]) for name in names}
    rest = ("bbox", "det_score", "kps", "landmark_2d_106")
    return Faces(
        arrays["bbox"],
        arrays["det_score"],
        arrays.get("kps"),
        arrays.get("landmark_2d_106"),
        extra={name: array for name, array in arrays.items() if name not in rest},
    )
