"""Similarity transforms: turn, scale and move a face so that its points come to lie on a template.

The rule is MATLAB's ``cp2tform(..., 'similarity')``, by which most published recognition networks
were trained. It fits the way from the *template to the image*, with least squares in pixels of the
image, and inverts the result. Umeyama's method, which fits the other way, is another rule: with
points that do not fit exactly its crops are a little larger.

With points as complex numbers, ``p`` of the template and ``q`` of the image, both less their means,
a similarity is ``q = a p`` and one with a reflection ``q = b conj(p)``. Least squares gives
``a = sum(q conj(p)) / sum(|p|^2)`` and ``b = sum(q p) / sum(|p|^2)``; what is left over is
``sum(|q|^2) - |a|^2 sum(|p|^2)``, and the same with ``b``. So the larger of ``|a|`` and ``|b|``
fits better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError

__all__ = ["eyes_mouth_transforms", "inverted", "similarity_transforms"]

Float64 = NDArray[np.float64]

LIMIT = 2.0**26
"""Largest coordinate of a point, in pixels: no image of `zqcnn_xp.vision.io` is as wide."""

# A fit below this share of the points' own spread is noise.
_LEAST_FIT = 1e-6
# Points on a line fit both ways equally well; rounding shall not decide between them.
_TIE = 1e-9


def similarity_transforms(
    kps: ArrayLike, points: ArrayLike, *, reflect: bool = True
) -> NDArray[np.float64]:
    """Return the transforms that bring the points of faces onto those of a template.

    Parameters
    ----------
    kps
        (n, k, 2) x, y in pixels of the image, k at least 2; for faces left eye, right eye, nose,
        left and right mouth corner.
    points
        (k, 2) x, y in pixels of the crop.
    reflect
        Take the transform with a reflection where it leaves less over, as ``cp2tform`` does; such
        points are a mirrored face, or wrong. Where both leave the same the one without is taken.
        False never reflects.

    Returns
    -------
    NDArray[float64]
        (n, 2, 3): ``crop = m[:, :2] @ image + m[:, 2]``, x before y. Coordinates are those of pixel
        centres, which are whole numbers.

    Raises
    ------
    InputError
        Another shape, a coordinate that is not finite or beyond 2**26, points that all coincide or
        that nothing but a reflection brings onto the template.

    Examples
    --------
    >>> points = [[0, 0], [4, 0], [0, 2]]
    >>> similarity_transforms([[[10, 10], [18, 10], [10, 14]]], points)[0].round(6).tolist()
    [[0.5, 0.0, -5.0], [0.0, 0.5, -5.0]]
    >>> mirrored = [[[10, 10], [2, 10], [10, 14]]]
    >>> similarity_transforms(mirrored, points)[0].round(6).tolist()
    [[-0.5, 0.0, 5.0], [0.0, 0.5, -5.0]]
    """
    goal = np.asarray(points, np.float64)
    if goal.ndim != 2 or goal.shape[0] < 2 or goal.shape[1] != 2 or not np.isfinite(goal).all():
        raise InputError(f"points has shape {goal.shape}, expected (k, 2) finite, k at least 2")
    faces = _checked(kps, goal.shape[0])
    p, middle_p = _centred(goal)
    q, middle_q = _centred(faces)
    power = np.sum(np.abs(p) ** 2)
    if power == 0:
        raise InputError("points: all of them coincide, expected two that differ")
    spread = np.sqrt(np.sum(np.abs(q) ** 2, axis=-1))
    plain = q @ p.conj() / power
    mirrored = q @ p / power
    turned = np.zeros(len(faces), bool)
    if reflect:
        turned = np.abs(mirrored) > np.abs(plain) * (1 + _TIE)
    fit = np.where(turned, mirrored, plain)
    least = np.maximum(_LEAST_FIT * spread, 1e-9 * np.maximum(1, np.abs(middle_q)))
    bad = np.abs(fit) * np.sqrt(power) <= least
    if bad.any():
        raise InputError(
            f"face {int(np.argmax(bad))}: its points coincide or fit the template in no way"
        )
    # Without a reflection p = (q - m) / a; with one p = conj((q - m) / b).
    inverse = 1 / fit
    sign = np.where(turned, -1.0, 1.0)
    linear = np.stack([inverse.real, -inverse.imag, sign * inverse.imag, sign * inverse.real], -1)
    return _moved(linear.reshape(-1, 2, 2), middle_q, complex(middle_p))


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
        (n, 2, 3), as `similarity_transforms`; never a reflection.

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
    faces = _checked(kps, 5)
    q = faces[..., 0] + 1j * faces[..., 1]
    eyes, mouth = q[:, :2].mean(axis=1), q[:, 3:].mean(axis=1)
    across, down = q[:, 1] - q[:, 0], mouth - eyes
    length = np.abs(across)
    size = np.maximum(np.abs(down), length)
    least = np.maximum(_LEAST_FIT * size, 1e-9 * np.maximum(1, np.abs(eyes)))
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
    return _moved(linear.reshape(-1, 2, 2), eyes, complex(*goal[0]))


def inverted(transforms: Float64) -> Float64:
    """Return the inverse of affine transforms, (n, 2, 3) to (n, 2, 3).

    Examples
    --------
    >>> inverted(np.array([[[2.0, 0.0, 6.0], [0.0, 2.0, -4.0]]]))[0].tolist()
    [[0.5, 0.0, -3.0], [0.0, 0.5, 2.0]]
    """
    a, b, c, d = (transforms[:, i, j] for i in (0, 1) for j in (0, 1))
    linear = np.stack([d, -b, -c, a], axis=-1).reshape(-1, 2, 2)
    linear = linear / (a * d - b * c)[:, None, None]
    moved = -(linear @ transforms[:, :, 2:])
    return np.concatenate([linear, moved], axis=2) + 0.0  # no negative zeros


def _checked(kps: ArrayLike, count: int) -> Float64:
    """Return the points of faces as (n, count, 2) float64."""
    try:
        faces = np.asarray(kps, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"kps: found no array of numbers: {error}") from error
    if faces.ndim != 3 or faces.shape[1:] != (count, 2):
        raise InputError(f"kps has shape {faces.shape}, expected (n, {count}, 2)")
    if not (np.abs(faces) <= LIMIT).all():  # NaN is not
        raise InputError("kps: found a coordinate that is not finite or beyond 2**26 pixels")
    return faces


def _centred(points: Float64) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return points (..., k, 2) as complex numbers less their mean, and the mean."""
    numbers = points[..., 0] + 1j * points[..., 1]
    middle = numbers.mean(axis=-1)
    return numbers - middle[..., None], middle


def _moved(linear: Float64, start: NDArray[np.complex128], end: complex) -> Float64:
    """Complete linear parts (n, 2, 2) so that ``start`` (n,) comes to lie on ``end``."""
    at = np.stack([start.real, start.imag], axis=-1)[..., None]
    to = np.array([[end.real], [end.imag]])
    return np.concatenate([linear, to - linear @ at], axis=2) + 0.0  # no negative zeros
