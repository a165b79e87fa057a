"""Features as rows of a matrix, in memory or in a file, in full or reduced precision.

What scans and searches read is a slice of rows at a time, so that a memory-mapped file of any size
serves as well as an array. Rows of integers carry one scale each: feature = integers * scale.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["ArrayRows", "Features", "Rows", "as_rows", "decoded", "error_norms", "quantize"]

_FLOATS = (np.float32, np.float16)
_INTEGERS = (np.int8, np.int16)
_LARGEST = {"int8": 127, "int16": 32767}
# Rows at a time: intermediate float64 values of 128 columns take 16 MB.
_BLOCK = 1 << 14


@runtime_checkable
class Rows(Protocol):
    """n features of d values, read by slices.

    Anything with these members can be scanned and searched: a feature store's rows do, and
    `ArrayRows`. They are only read, from several threads at once.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32, float16, int8 or int16."""

    @property
    def scales(self) -> NDArray[np.float32] | None:
        """(n,) for integers: feature = integers * scale of the row; else None."""

    @property
    def errors(self) -> NDArray[np.float32] | None:
        """(n,) no less than the L2 norm of (original - stored) feature; None if unknown."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return stored values of some rows, (m, d), a view where that is possible."""


Features: TypeAlias = "Rows | NDArray[Any]"
"""What functions on many features take: rows, an array, or a memory-mapped array."""


class ArrayRows:
    """Rows of one array or memory-mapped array.

    Parameters
    ----------
    array
        (n, d) float32 or float16; int8 or int16 with ``scales``. It is not copied.
    scales
        (n,) float32, for integers.
    errors
        (n,) float32: no less than the L2 norm of what storing took from each row, where that is
        known.

    Raises
    ------
    InputError
        If a shape or type is another one.

    Examples
    --------
    >>> import numpy as np
    >>> rows = ArrayRows(np.array([[127, 0], [3, 4]], np.int8), np.array([0.5, 2], np.float32))
    >>> rows.shape, rows[1:2], decoded(rows, 1, 2)
    ((2, 2), array([[3, 4]], dtype=int8), array([[6., 8.]], dtype=float32))
    """

    def __init__(
        self,
        array: NDArray[Any],
        scales: NDArray[np.float32] | None = None,
        errors: NDArray[np.float32] | None = None,
    ) -> None:
        if array.ndim != 2 or array.dtype not in (*_FLOATS, *_INTEGERS):
            msg = (
                f"found features of shape {array.shape} and type {array.dtype}, "
                "expected (n, d) of float32, float16, int8 or int16"
            )
            raise InputError(msg)
        if (scales is not None) != (array.dtype in _INTEGERS):
            found = "no scales" if scales is None else "scales"
            msg = f"found {found} for features of {array.dtype}: integers have them, floats do not"
            raise InputError(msg)
        for name, vector in (("scales", scales), ("errors", errors)):
            if vector is not None and (
                vector.shape != array.shape[:1] or vector.dtype != np.float32
            ):
                msg = (
                    f"found {name} of shape {vector.shape} and type {vector.dtype}, "
                    f"expected {array.shape[:1]} of float32"
                )
                raise InputError(msg)
        self._array = array
        self.shape: tuple[int, int] = (array.shape[0], array.shape[1])
        self.dtype = array.dtype
        self.scales = scales
        self.errors = errors

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __repr__(self) -> str:
        """Size and type."""
        return f"<ArrayRows {self.shape[0]} x {self.shape[1]} {self.dtype}>"

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return a view of some rows."""
        return self._array[rows]


def as_rows(features: Features) -> Rows:
    """Return features as `Rows`; an array is wrapped without a copy.

    Raises
    ------
    InputError
        If an array is not (n, d) of float32 or float16. float64 is refused as well: a silent copy
        of many features is not wanted.

    Examples
    --------
    >>> as_rows(np.zeros((3, 128), np.float32))
    <ArrayRows 3 x 128 float32>
    """
    if isinstance(features, np.ndarray):
        return ArrayRows(features)
    if isinstance(features, Rows):
        return features
    msg = f"found {type(features).__name__}, expected a NumPy array or rows of a feature store"
    raise InputError(msg)


def decoded(rows: Rows, start: int, stop: int) -> NDArray[np.float32]:
    """Return rows ``start`` to ``stop`` as float32 features, (m, d); a view for float32.

    Examples
    --------
    >>> decoded(as_rows(np.array([[0.5], [2.0]], np.float16)), 0, 2)
    array([[0.5],
           [2. ]], dtype=float32)
    """
    stored = rows[start:stop]
    if stored.dtype == np.float32:
        return stored
    features: NDArray[np.float32] = stored.astype(np.float32)
    if rows.scales is not None:
        features *= rows.scales[start:stop, None]
    return features


def quantize(features: NDArray[Any], dtype: str = "int8") -> ArrayRows:
    """Round features to integers: each row's largest value becomes 127 (int16: 32767).

    Parameters
    ----------
    features
        (n, d) of any float type.
    dtype
        ``"int8"`` or ``"int16"``.

    Returns
    -------
    ArrayRows
        With scales, max|x| / 127 of each row, and errors, the L2 norms of what rounding took: no
        value loses more than half a scale. A row of zeros has scale 0.

    Raises
    ------
    InputError
        If the shape or type is another one, or a value is infinite, no number or beyond float32.

    Examples
    --------
    >>> rows = quantize(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32))
    >>> rows[0:2].tolist(), rows.errors.round(4).tolist()
    ([[127, -64], [0, 0]], [0.0038999998942017555, 0.0])
    """
    features = np.asarray(features)
    if dtype not in _LARGEST:
        msg = f"found integers {dtype!r}, expected 'int8' or 'int16'"
        raise InputError(msg)
    if features.ndim != 2 or features.dtype.kind != "f":
        msg = (
            f"found features of shape {features.shape} and type {features.dtype}, "
            "expected (n, d) of a float type"
        )
        raise InputError(msg)
    largest = _LARGEST[dtype]
    stored = np.empty(features.shape, dtype)
    scales = np.empty(len(features), np.float32)
    errors = np.empty(len(features), np.float32)
    for start in range(0, len(features), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = features[part].astype(np.float64)
        peaks = np.abs(block).max(axis=1, initial=0.0)
        fine = peaks <= np.finfo(np.float32).max
        if not fine.all():
            row = start + int(np.argmin(fine))
            msg = f"found a value that is no finite float32 in row {row}, expected finite features"
            raise InputError(msg)
        scales[part] = _scales(peaks, largest)
        steps = scales[part].astype(np.float64)[:, None]
        whole = np.rint(np.divide(block, steps, out=np.zeros_like(block), where=steps > 0))
        stored[part] = whole.clip(-largest, largest)
        errors[part] = error_norms(block, stored[part] * steps)
    return ArrayRows(stored, scales, errors)


def _scales(peaks: NDArray[np.float64], largest: int) -> NDArray[np.float32]:
    """Round ``peaks / largest`` so that no value is further than half a step from its integer.

    Where float32 has 24 bits, rounding either way keeps that. A subnormal scale has few bits:
    rounded down, the row's peak would lie beyond ``largest`` steps.
    """
    scales: NDArray[np.float32] = (peaks / largest).astype(np.float32)
    top = scales.astype(np.float64) * largest
    short = (scales < np.finfo(np.float32).tiny) & (top < peaks)
    scales[short] = np.nextafter(scales[short], np.float32(np.inf))
    return scales


def error_norms(original: NDArray[Any], stored: NDArray[Any]) -> NDArray[np.float32]:
    """Return (n,) bounds from above of the L2 norms of ``original - stored``, both (n, d).

    Examples
    --------
    >>> error_norms(np.array([[3.0, 4.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]]))
    array([5., 0.], dtype=float32)
    """
    lost = original.astype(np.float64) - stored.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", lost, lost))
    found: NDArray[np.float32] = norms.astype(np.float32)
    # float32 may have rounded down, and a bound must not.
    short = found < norms
    found[short] = np.nextafter(found[short], np.float32(np.inf))
    return found
