"""Features made shorter such that their products are bounds of the products of the features.

Turned by a rotation, the first coordinates of two features and the lengths of their rests give

    q.x  <=  q1 x1 + ... + qm xm + |rest of q| |rest of x|        (Cauchy and Schwarz)

which is the product of two vectors that are as long as the features. A pair whose bound
lies below a threshold needs no more; with a high threshold that is nearly every pair, for a
fraction of the products. Which rotation, and how many coordinates, is a matter of speed only: the
axes along which a sample of the features is longest, and what pairs of the sample say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.gallery.picked import gathered
from zqcnn_xp.gallery.rows import Rows

__all__ = ["Bytes", "Sketch", "choose_sketch", "rounded_bytes"]

Floats = NDArray[np.float32]

# Features from which a sample is worth its time, and how many it has.
_MANY, _SAMPLE = 1 << 14, 2048
# Dimensions: below, little is gained; above, axes take long to be found.
_LEAST_DIM, _MOST_DIM = 32, 1024
# What it takes to compare a bound, and to score a pair again, in products of one value each.
_COMPARE, _AGAIN, _AGAIN_BYTES = 16, 20_000, 100_000
# One of so many values is for the length of the rest: it is the largest value, and cut into equal
# parts it leaves more of a byte to the others.
_RESTS = 8
# What is below the smallest normal number may be taken for zero.
_SMALL = 2.0**-126


class Sketch:
    """How features are made shorter.

    Parameters
    ----------
    dim
        Values of a feature.
    axes
        (dim, m) float32, orthonormal columns; None leaves features as they are.

    Examples
    --------
    >>> sketch = Sketch(3, np.eye(3, dtype=np.float32)[:, :1])  # one axis, and the rest
    >>> short, lengths = sketch.of(np.array([[2, 4, 3]], np.float32))
    >>> short.round(3), lengths.round(3)
    (array([[2., 5.]], dtype=float32), array([5.385], dtype=float32))
    """

    def __init__(self, dim: int, axes: Floats | None = None) -> None:
        self.axes = axes
        axes_of = dim if axes is None else axes.shape[1]
        # Every eighth value is a part of the rest.
        self.parts = 0 if axes is None else max(axes_of // (_RESTS - 1), 1)
        self.width = axes_of + self.parts
        # Of a projection in float32, relative to the feature: `dim` products and their rounding for
        # each axis.
        self._off = 0.0 if axes is None else (dim + 4) * 2.0**-24 * axes.shape[1] ** 0.5
        self._sum = dim * 2.0**-22

    @property
    def slack(self) -> float:
        """How far a product of sketches may lie below that of the features, by their lengths."""
        return 3 * self._off

    def of(self, features: Floats) -> tuple[Floats, Floats]:
        """Return (n, width) sketches and (n,) bounds from above of the lengths of features.

        A length is infinite or NaN where a value is, or squares overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", features, features)
            # Of small values the squares may have been lost.
            squares += np.float32(features.shape[1] * _SMALL)
            lengths = np.sqrt(squares) * np.float32(1 + self._sum)
            if self.axes is None:
                return features, lengths
            first = features @ self.axes
            rest = squares * np.float32(1 + self._sum + 2 * self._off)
            rest -= np.einsum("ij,ij->i", first, first)
            rest = np.sqrt(np.maximum(rest, 0) / self.parts) * np.float32(1 + 2.0**-21)
            short = np.concatenate([first, np.repeat(rest[:, None], self.parts, axis=1)], axis=1)
        return short, lengths


class Bytes(NamedTuple):
    """Vectors rounded to signed bytes.

    Attributes
    ----------
    values
        (n, w) int8.
    scales
        (n,) float32: a vector is its bytes times its scale.
    errors
        (n,) float32, no less than the length of what rounding took.
    """

    values: NDArray[np.int8]
    scales: Floats
    errors: Floats


def rounded_bytes(vectors: Floats) -> Bytes:
    """Round finite float32 vectors to bytes, in float32: seven times as quick as `quantize`.

    Examples
    --------
    >>> found = rounded_bytes(np.array([[127, -3.2], [0, 0]], np.float32))
    >>> found.values.tolist(), found.errors.round(2).tolist()
    ([[127, -3], [0, 0]], [0.20000000298023224, 0.0])
    """
    peaks = np.maximum(vectors.max(axis=1, initial=0), -vectors.min(axis=1, initial=0))
    scales = peaks / np.float32(127)
    # What is nearly nothing becomes nothing, and its length is the error.
    scales[peaks < 1e-30] = 0
    steps = np.divide(np.float32(1), scales, out=np.zeros_like(scales), where=scales > 0)
    whole = vectors * steps[:, None]
    values = np.rint(whole, out=whole).astype(np.int8)
    whole *= scales[:, None]
    whole -= vectors
    width = vectors.shape[1]
    squares = np.einsum("ij,ij->i", whole, whole) + np.float32(width * _SMALL)
    errors = np.sqrt(squares) * np.float32(1 + width * 2.0**-22)
    errors += peaks * np.float32(width**0.5 * 2.0**-22)
    return Bytes(values, scales, errors)


def choose_sketch(rows: Rows, floor: float, *, in_bytes: bool = False) -> Sketch:
    """Choose the sketch with which all pairs at a floor are likely to be found soonest.

    Parameters
    ----------
    rows
        (n, d) features; a sample of them is read.
    floor
        What a pair has to reach.
    in_bytes
        Sketches will be rounded to bytes, whose products take less time than others.

    Examples
    --------
    >>> from zqcnn_xp.gallery.rows import as_rows
    >>> choose_sketch(as_rows(np.eye(4, dtype=np.float32)), 0.9).width  # not worth it
    4
    """
    n, d = rows.shape
    whole = Sketch(d)
    if n < _MANY or not _LEAST_DIM <= d <= _MOST_DIM or not np.isfinite(floor):
        return whole
    sample = gathered(rows, np.arange(_SAMPLE) * n // _SAMPLE)
    lengths = whole.of(sample)[1]
    if not lengths.max(initial=0) < 1e15:
        return whole  # named, or taken care of, where features are compared
    exact = sample.astype(np.float64)
    axes = np.linalg.eigh(exact.T @ exact)[1][:, ::-1]
    rng = np.random.default_rng(0)

    def made(width: int) -> Sketch:
        count = width - width // _RESTS
        # Turned once more among themselves, so that no value is much larger than the others, which
        # would have to share its scale.
        turn = np.linalg.qr(rng.normal(size=(count, count)))[0]
        return Sketch(d, (axes[:, :count] @ turn).astype(np.float32))

    half = _SAMPLE // 2

    def cost(sketch: Sketch) -> float:
        short = sketch.of(sample)[0]
        lost = 0.0
        if in_bytes:
            lost = 2 * float((rounded_bytes(short).errors * lengths).max())
        passed = np.count_nonzero(short[:half] @ short[half:].T >= floor - lost) / half**2
        return sketch.width + _COMPARE + (_AGAIN_BYTES if in_bytes else _AGAIN) * passed

    step = max(16, d // 128 * 16)
    return min([whole, *map(made, range(step, d, step))], key=cost)
