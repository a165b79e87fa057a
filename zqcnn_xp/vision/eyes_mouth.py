"""LightCNN's alignment: by the line of the eyes and the height of the mouth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.similarity import checked_points, moved

__all__ = ["eyes_mouth_transforms"]

# Distances below this share of a face's own size are noise.
_LEAST = 1e-6


def eyes_mouth_transforms(kps: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Return the transforms that put the eyes level, and eyes and mouth at given heights.

    The rule of LightCNN's alignment: turned until the eyes are level, scaled so that the mouth's
    centre comes to lie so many pixels below the centre of the eyes, and moved to put that in its
    place. The mouth's place to the left or right is not used, nor is the nose. The original rounds
    between its steps (turn, resize, cut); this is one transform without rounding.

    Parameters
    ----------
    kps
        (n, 5, 2) x, y in pixels of the image: left eye, right eye, nose, left and right mouth
        corner.
    points
        (2, 2) the centre of the eyes and that of the mouth in the crop; of the latter only y is
        used.

    Returns
    -------
    NDArray[float64]
        (n, 2, 3), as `zqcnn_xp.vision.similarity.similarity_transforms`; never a reflection.

    Raises
    ------
    InputError
        Another shape, coordinates that are not finite or beyond 2**26, eyes that coincide, or a
        mouth on the line of the eyes.

    Examples
    --------
    >>> face = [[[20, 30], [40, 30], [31, 40], [24, 54], [38, 54]]]
    >>> eyes_mouth_transforms(face, [[64, 40], [64, 88]])[0].tolist()
    [[2.0, 0.0, 4.0], [0.0, 2.0, -20.0]]
    """
    goal = np.asarray(points, np.float64)
    if goal.shape != (2, 2) or not np.isfinite(goal).all() or goal[0, 1] == goal[1, 1]:
        raise InputError("points: expected (2, 2), centres of eyes and mouth at different heights")
    faces = checked_points(kps, 5)
    q = faces[..., 0] + 1j * faces[..., 1]
    eyes, mouth = q[:, :2].mean(axis=1), q[:, 3:].mean(axis=1)
    across, down = q[:, 1] - q[:, 0], mouth - eyes
    length = np.abs(across)
    size = np.maximum(np.abs(down), length)
    least = np.maximum(_LEAST * size, 1e-9 * np.maximum(1, np.abs(eyes)))
    bad = length <= least
    level = across / np.where(bad, 1, length)
    height = (down * level.conj()).imag
    bad |= np.abs(height) <= least
    if bad.any():
        raise InputError(
            f"face {int(np.argmax(bad))}: its eyes coincide, or its mouth lies between them"
        )
    # The sign turns faces whose points say "left" on the other side the right way up.
    fit = level.conj() * (goal[1, 1] - goal[0, 1]) / height
    linear = np.stack([fit.real, -fit.imag, fit.imag, fit.real], axis=-1)
    return moved(linear.reshape(-1, 2, 2), eyes, complex(*goal[0]))
