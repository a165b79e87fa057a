"""Features whose scores are wanted exactly: read by slices for scans, by pairs in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.picked import PickedRows, gathered
from zqcnn_xp.gallery.rows import Rows, decoded

__all__ = ["Vectors", "bad_rows_error"]

_BLOCK = 4096
_PAIRS = 2048
_SHOWN = 5
_TINY = 1e-30
_LARGE = 1e150


class Vectors:
    """Rows of features, normalised while they are read.

    These are `Rows` of float32 for `scan_pairs`; `scores` gives the score of single pairs in
    float64, always the same for the same two features, whichever comes first.

    Parameters
    ----------
    features
        (n, d) array of floats (memory-mapped, too), or `Rows`. Nothing is copied but one norm a
        row.
    normalise
        Score pairs by the cosine. False takes dot products as they are.

    Raises
    ------
    InputError
        If the features are no matrix of floats.

    Examples
    --------
    >>> found = Vectors(np.array([[3.0, 4.0], [0.0, 2.0]]))
    >>> found[0:1], found.scores(np.array([0]), np.array([1]))
    (array([[0.6, 0.8]], dtype=float32), array([0.8]))
    """

    def __init__(self, features: NDArray[Any] | Rows, *, normalise: bool = True) -> None:
        if isinstance(features, np.ndarray) and (
            features.ndim != 2 or features.dtype not in (np.float16, np.float32, np.float64)
        ):
            msg = (
                f"found features of shape {features.shape} and type {features.dtype}, "
                "expected (n, d) of float16, float32 or float64"
            )
            raise InputError(msg)
        self._features = features
        self.shape: tuple[int, int] = (int(features.shape[0]), int(features.shape[1]))
        self.dtype = np.dtype(np.float32)
        self.scales: NDArray[np.float32] | None = None
        self.errors: NDArray[np.float32] | None = None
        self._squares = np.empty(self.shape[0])
        for start in range(0, self.shape[0], _BLOCK):
            # What is infinite, and a square that overflows, is found in the norms.
            with np.errstate(over="ignore", invalid="ignore"):
                wide = self._read(slice(start, start + _BLOCK)).astype(np.float64)
                wide *= wide
                self._squares[start : start + _BLOCK] = wide.sum(axis=1)
        self._normalise = normalise
        # Where every reciprocal is a normal number, rows are scaled without leaving float32.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            self._inverse = (1 / np.sqrt(self._squares)).astype(np.float32)
        size = np.abs(self._inverse)
        self._plain = bool(((size > _TINY) & (size < 1 / _TINY)).all())
        self._moderate = bool(((self._squares < _LARGE) & (self._squares > 1 / _LARGE)).all())

    def bad_rows(self) -> NDArray[np.intp]:
        """Return the rows that have no score: values that are no finite numbers, or all zeros."""
        usable = np.isfinite(self._squares)
        return np.flatnonzero(~(usable & (self._squares > 0)) if self._normalise else ~usable)

    def without(self, rows: NDArray[np.intp]) -> Vectors:
        """Return these vectors without some rows."""
        kept = np.setdiff1d(np.arange(self.shape[0]), rows)
        if isinstance(self._features, np.ndarray):
            return Vectors(self._features[kept], normalise=self._normalise)
        return Vectors(PickedRows(self._features, kept), normalise=self._normalise)

    def rounding(self) -> float:
        """Return the most by which a score of float32 may differ from that of float64.

        Products of d terms, summed in any order, are off by at most d units of 2**-24 of the
        product of the lengths; some more units for the rows' own rounding.
        """
        longest = 1.0 if self._normalise else float(np.sqrt(self._squares.max(initial=0.0)))
        return (self.shape[1] + 8) * 2.0**-24 * longest**2

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        """Return some rows, (m, d) float32."""
        return self._scaled(self._read(rows), rows)

    def taken(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return single rows, (m, d) float32."""
        return self._scaled(self._gathered(rows), rows)

    def _scaled(
        self, found: NDArray[Any], rows: slice | NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        if self._normalise and self._plain and found.dtype == np.float32:
            return found * self._inverse[rows, None]
        if self._normalise:
            found = found / np.sqrt(self._squares[rows, None])
        single: NDArray[np.float32] = found.astype(np.float32, copy=False)
        return single

    def scores(
        self, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]
    ) -> NDArray[np.float64]:
        """Return (m,) scores of m pairs, by the numbers of their rows.

        Products of float32 values are exact in float64, and only their sum is rounded. The cosine
        of a row and its copy, also one scaled by a power of two, is 1 to the last bit, so that
        copies do not differ in rank.
        """
        found = np.empty(len(first))
        for start in range(0, len(first), _PAIRS):
            part = slice(start, start + _PAIRS)
            one, other = first[part], second[part]
            products = self._gathered(one).astype(np.float64)
            products *= self._gathered(other)
            found[part] = products.sum(axis=1)
            if self._normalise:
                found[part] /= self._lengths(one, other)
        return found

    def _lengths(
        self, one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]
    ) -> NDArray[np.float64]:
        """Return the products of the lengths of rows."""
        first, second = self._squares[one], self._squares[other]
        # One root of the product: of a square it is exact, two roots' product is not.
        found = np.sqrt(first * second) if self._moderate else np.sqrt(first) * np.sqrt(second)
        return np.asarray(found, np.float64)

    def _read(self, rows: slice) -> NDArray[Any]:
        if isinstance(self._features, np.ndarray):
            part: NDArray[Any] = self._features[rows]
            return part
        start, stop, _ = rows.indices(self.shape[0])
        return decoded(self._features, start, stop)

    def _gathered(self, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        if isinstance(self._features, np.ndarray):
            single: NDArray[Any] = self._features[rows]
            return single
        return gathered(self._features, rows)


def bad_rows_error(rows: NDArray[np.intp], file: str | None) -> DatasetError | InputError:
    """Return the error about rows that have no score, of a file or of an argument.

    Examples
    --------
    >>> print(bad_rows_error(np.arange(7), "f.npz"))
    f.npz: found 7 rows of zeros or of no finite numbers: 0, 1, 2, 3, 4, ..., expected none
    """
    shown = ", ".join(map(str, rows[:_SHOWN].tolist())) + (", ..." if len(rows) > _SHOWN else "")
    found = f"{len(rows):,} rows of zeros or of no finite numbers: {shown}"
    return InputError(f"found {found}") if file is None else DatasetError(file, "", found, "none")
