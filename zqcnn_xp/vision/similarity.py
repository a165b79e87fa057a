"""Similarity transforms: turn, scale and move a face so that its points come to lie on a template.

The rule is MATLAB's ``cp2tform(..., 'similarity')``, by which most published recognition networks
were trained. It fits the way from the *template to the image*, with least squares in pixels of the
image, and inverts the result. Umeyama's method fits the other way, and gives another scale where
points do not fit exactly.

With points as complex numbers, ``p`` of the template and ``q`` of the image, both less their means,
a similarity is ``q = a p`` and one with a reflection ``q = b conj(p)``. Least squares gives
``a = sum(q conj(p)) / sum(|p|^2)`` and ``b = sum(q p) / sum(|p|^2)``; what is left over is
``sum(|q|^2) - |a|^2 sum(|p|^2)``, and the same with ``b``. So the larger of ``|a|`` and ``|b|``
fits better.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError

__all__ = [
    "checked_points",
    "inverted",
    "moved",
    "similarity_transforms",
    "umeyama_transforms",
]

Float64 = NDArray[np.float64]
Complex = NDArray[np.complex128]

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
    p = _Cloud.of_template(points)
    q = _Cloud.of_faces(kps, p.numbers.shape[-1])
    plain = q.numbers @ p.numbers.conj() / p.power
    mirrored = q.numbers @ p.numbers / p.power
    turned = np.zeros(len(plain), bool)
    if reflect:
        turned = np.abs(mirrored) > np.abs(plain) * (1 + _TIE)
    fit = np.where(turned, mirrored, plain)
    _check_fit(fit, p, q)
    # Without a reflection p = q / a; with one p = conj(q / b).
    linear = _turns(np.reciprocal(fit), np.where(turned, -1.0, 1.0))
    return moved(linear, q.middle, complex(p.middle))


def umeyama_transforms(kps: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Return the transforms that fit the points of faces to a template in pixels of the crop.

    Umeyama's method (1991), as in insightface's and scikit-image's alignment. It turns and moves as
    `similarity_transforms` without reflections; where points do not fit exactly it scales by less:
    by the square of their correlation, typically a hundredth, so that crops show more around a
    face.

    Parameters
    ----------
    kps, points
        As in `similarity_transforms`.

    Returns
    -------
    NDArray[float64]
        (n, 2, 3), as `similarity_transforms`; never a reflection.

    Raises
    ------
    InputError
        As `similarity_transforms`.

    Examples
    --------
    >>> points = [[0, 0], [4, 0], [0, 2]]
    >>> umeyama_transforms([[[10, 10], [18, 10], [10, 14]]], points)[0].round(6).tolist()
    [[0.5, 0.0, -5.0], [0.0, 0.5, -5.0]]
    """
    p = _Cloud.of_template(points)
    q = _Cloud.of_faces(kps, p.numbers.shape[-1])
    shared = q.numbers @ p.numbers.conj()
    _check_fit(shared / p.power, p, q)
    # p = s q, with least squares in the crop: s = sum(p conj(q)) / sum(|q|^2).
    linear = _turns(shared.conj() / q.power, np.ones(len(shared)))
    return moved(linear, q.middle, complex(p.middle))


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
    back = -(linear @ transforms[:, :, 2:])
    return np.concatenate([linear, back], axis=2) + 0.0  # no negative zeros


def checked_points(kps: ArrayLike, count: int) -> Float64:
    """Return the points of faces as (n, count, 2) float64.

    Raises
    ------
    InputError
        Another shape, a coordinate that is not finite or beyond 2**26.

    Examples
    --------
    >>> checked_points([[[1, 2], [3, 4]]], 2).shape
    (1, 2, 2)
    """
    try:
        found = np.asarray(_detached(kps))
        # A cast would drop the imaginary part, with no more than a warning.
        if found.dtype.kind == "c":
            raise TypeError("complex ones, expected x and y")
        faces = found.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"kps: found no array of numbers: {error}") from error
    if faces.shape == (0,):  # an empty list: no faces
        return np.empty((0, count, 2))
    if faces.ndim != 3 or faces.shape[1:] != (count, 2):
        raise InputError(f"kps has shape {faces.shape}, expected (n, {count}, 2)")
    good = (np.abs(faces) <= LIMIT).all(axis=(1, 2))  # NaN is not
    if not good.all():
        raise InputError(
            f"face {int(np.argmin(good))}: found a coordinate that is not finite or beyond 2**26 "
            "pixels"
        )
    return faces


def _detached(kps: Any) -> Any:
    """Return tensors that record gradients without them; NumPy refuses those."""
    if isinstance(kps, list | tuple):
        return [_detached(item) for item in kps]
    detach = getattr(kps, "detach", None)
    return detach() if callable(detach) else kps


def moved(linear: Float64, start: Complex, end: complex) -> Float64:
    """Complete linear parts (n, 2, 2) so that ``start`` (n,) comes to lie on ``end``.

    Examples
    --------
    >>> moved(np.eye(2)[None], np.array([3 + 4j]), 5 + 5j)[0].tolist()
    [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]
    """
    at = np.stack([start.real, start.imag], axis=-1)[..., None]
    to = np.array([[end.real], [end.imag]])
    return np.concatenate([linear, to - linear @ at], axis=2) + 0.0  # no negative zeros


class _Cloud(NamedTuple):
    """Points (..., k) as complex numbers less their mean, the mean, and their summed squares."""

    numbers: Complex
    middle: Complex
    power: Float64

    @classmethod
    def of(cls, points: Float64) -> _Cloud:
        numbers = points[..., 0] + 1j * points[..., 1]
        middle = numbers.mean(axis=-1)
        numbers = numbers - middle[..., None]
        return cls(numbers, middle, np.sum(np.abs(numbers) ** 2, axis=-1))

    @classmethod
    def of_template(cls, points: ArrayLike) -> _Cloud:
        goal = np.asarray(points, np.float64)
        if goal.ndim != 2 or goal.shape[0] < 2 or goal.shape[1] != 2 or not np.isfinite(goal).all():
            raise InputError(f"points has shape {goal.shape}, expected (k, 2) finite, k at least 2")
        cloud = cls.of(goal)
        if cloud.power == 0:
            raise InputError("points: all of them coincide, expected two that differ")
        return cloud

    @classmethod
    def of_faces(cls, kps: ArrayLike, count: int) -> _Cloud:
        return cls.of(checked_points(kps, count))


def _check_fit(fit: Complex, p: _Cloud, q: _Cloud) -> None:
    """Refuse faces whose fit, image pixels for one of the crop, is no more than noise."""
    least = np.maximum(_LEAST_FIT * np.sqrt(q.power), 1e-9 * np.maximum(1, np.abs(q.middle)))
    bad = np.abs(fit) * np.sqrt(p.power) <= least
    if bad.any():
        raise InputError(
            f"face {int(np.argmax(bad))}: its points coincide or fit the template in no way"
        )


def _turns(factors: Complex, sign: Float64) -> Float64:
    """Return products with complex numbers as matrices (n, 2, 2); conjugates where sign is -1."""
    rows = [factors.real, -factors.imag, sign * factors.imag, sign * factors.real]
    return np.stack(rows, axis=-1).reshape(-1, 2, 2)
