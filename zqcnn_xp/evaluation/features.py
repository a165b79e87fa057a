"""Features of the images of a set of pairs: joined with the mirrored ones, scaled, compared."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.pair_set import PairSet

__all__ = [
    "Compared",
    "angles",
    "checked",
    "cosines",
    "finite_pairs",
    "flip_rule",
    "squared_distances",
    "unit",
]

Float64 = NDArray[np.float64]


def checked(features: ArrayLike, pairs: PairSet) -> Float64:
    """Return features as (m, d) float64, one row for each image of the pairs.

    Raises
    ------
    InputError
        Another number of rows, or no numbers.
    """
    array = np.asarray(features)
    rows = len(pairs.names)
    if array.ndim != 2 or array.shape[0] != rows or array.dtype.kind not in "fiu":
        raise InputError(
            f"features: found shape {array.shape} of {array.dtype}, expected ({rows}, d) numbers, "
            f"one row for each image of {pairs.file}"
        )
    return array.astype(np.float64)


def flip_rule(plain: ArrayLike, mirrored: ArrayLike, rule: str) -> Float64:
    """Join the features of images with those of the mirrored images.

    Parameters
    ----------
    plain, mirrored
        (m, d), as the network gives them, not scaled.
    rule
        ``"none"``; ``"sum"``, as insightface's verification does; ``"concatenate"``, as gluon-face
        and facenet do; ``"concatenate-unit"``, as ZQCNN does: each half is scaled to length 1
        before.

    Returns
    -------
    NDArray[float64]
        (m, d) or (m, 2d), not scaled.

    Examples
    --------
    >>> flip_rule([[3.0, 4.0]], [[0.0, 2.0]], "concatenate-unit").tolist()
    [[0.6, 0.8, 0.0, 1.0]]
    """
    one, other = np.asarray(plain, np.float64), np.asarray(mirrored, np.float64)
    if rule == "none":
        return one
    if one.shape != other.shape:
        raise InputError(f"found features {one.shape} and mirrored ones {other.shape}")
    if rule == "sum":
        return one + other
    if rule == "concatenate":
        return np.concatenate([one, other], 1)
    if rule == "concatenate-unit":
        return np.concatenate([unit(one), unit(other)], 1)
    rules = "none, sum, concatenate or concatenate-unit"
    raise InputError(f"rule={rule!r}: expected {rules}")


def unit(rows: Float64) -> Float64:
    """Scale rows to length 1; a row of zeros stays one, as scikit-learn's ``normalize`` has it.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    length[length == 0] = 1
    scaled: Float64 = rows / length[:, None]
    return scaled


def squared_distances(left: Float64, right: Float64) -> Float64:
    """Return (n,) squared Euclidean distances of rows; 2 - 2 cos for rows of length 1.

    Examples
    --------
    >>> squared_distances(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [2.0]
    """
    # Summed as the reference sums, so that a distance on the threshold falls on the same side.
    found: Float64 = np.square(left - right).sum(axis=1)
    return found


def cosines(left: Float64, right: Float64) -> Float64:
    """Return (n,) cosines between rows of any length; 0 where one has none.

    Examples
    --------
    >>> cosines(np.array([[2.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [0.6]
    """
    found: Float64 = np.einsum("nd,nd->n", unit(left), unit(right))
    return found


def angles(left: Float64, right: Float64) -> Float64:
    """Return (n,) angles between rows in units of pi: 0 for the same direction, 1 for opposite.

    Examples
    --------
    >>> angles(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])).tolist()
    [0.5]
    """
    # Rounding takes the cosine of a row and itself beyond 1.
    found: Float64 = np.arccos(np.clip(cosines(left, right), -1, 1)) / np.pi
    return found


class Compared(NamedTuple):
    """The pairs that have finite features, and how many have not."""

    pairs: PairSet
    left: Float64
    right: Float64
    not_finite: int


def finite_pairs(features: Any, pairs: PairSet) -> Compared:
    """Return (n, d) features of both sides of each pair; pairs with NaN or infinity are left out.

    A number that is none takes no place in any order, so such a pair cannot be judged. It is
    counted, and the count is part of every result.

    Raises
    ------
    InputError
        Another number of rows, no numbers, or nothing finite.
    """
    from dataclasses import replace

    rows = checked(features, pairs)
    good = np.asarray(np.isfinite(rows).all(axis=1))
    if good.all():
        return Compared(pairs, rows[pairs.left], rows[pairs.right], 0)
    keep = good[pairs.left] & good[pairs.right]
    if not keep.any():
        raise InputError("features: found NaN or infinity in every pair")
    left, right = pairs.left[keep], pairs.right[keep]
    kept = replace(pairs, left=left, right=right, same=pairs.same[keep], fold=pairs.fold[keep])
    return Compared(kept, rows[left], rows[right], int((~keep).sum()))
