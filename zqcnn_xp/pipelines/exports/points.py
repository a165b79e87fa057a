"""Which landmarks of a result a conversion takes, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.faces import Faces

__all__ = ["KPS_NAMES", "POINT_SETS", "PointSet", "chosen_points", "finite_boxes"]

PointSet = Literal["kps", "landmark_2d_106"]
POINT_SETS: tuple[PointSet, ...] = ("kps", "landmark_2d_106")

KPS_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""The five points in order; left as seen in the image, which is the person's right."""


def chosen_points(faces: Faces, points: PointSet | None) -> NDArray[np.float32] | None:
    """Return the landmarks to convert.

    Parameters
    ----------
    faces
        The result.
    points
        Which ones; None takes ``kps`` where there are any.

    Returns
    -------
    NDArray[float32] or None
        (n, 5, 2) or (n, 106, 2); None where nothing was asked for and nothing is there.

    Raises
    ------
    InputError
        If the landmarks that were named were not computed, or have another name.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> faces = Faces([[0, 0, 9, 9]], [0.5])
    >>> chosen_points(faces, None) is None
    True
    >>> chosen_points(faces, "kps")
    Traceback (most recent call last):
    zqcnn_xp.errors.InputError: points='kps': these faces have none
    """
    if points is None:
        return faces.kps
    if points not in POINT_SETS:
        raise InputError(f"points={points!r}: expected one of {', '.join(POINT_SETS)}")
    found: NDArray[np.float32] | None = getattr(faces, points)
    if found is None:
        raise InputError(f"points={points!r}: these faces have none")
    return found


def finite_boxes(faces: Faces) -> NDArray[np.float64]:
    """Return the (n, 4) boxes in float64, where widths are exact; refuse what is no number.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> finite_boxes(Faces([[0, 0, 9, np.nan]], [0.5]))
    Traceback (most recent call last):
    zqcnn_xp.errors.InputError: face 0 has bbox [0.0, 0.0, 9.0, nan] ...
    """
    good = np.isfinite(faces.bbox).all(axis=1) & np.isfinite(faces.det_score)
    if not good.all():
        i = int(np.argmin(good))
        raise InputError(
            f"face {i} has bbox {faces.bbox[i].tolist()} and det_score "
            f"{float(faces.det_score[i])}, expected finite numbers"
        )
    return faces.bbox.astype(np.float64)
