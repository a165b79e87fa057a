"""Some rows of many, in an order of one's own, read from where they are when they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import Features, Rows, as_rows

__all__ = ["PickedRows", "gathered", "refuse_infinite"]

# Rows of a file that are read with one slice: 2 MB of 128 float32.
_SPAN = 4096


class PickedRows:
    """Rows of other rows; nothing is copied before a slice is read.

    Parameters
    ----------
    features
        Where the rows are.
    index
        (m,) integers: which rows, in the order wanted; repeats are allowed.

    Raises
    ------
    InputError
        If an index is no integer or outside the rows.

    Examples
    --------
    >>> rows = PickedRows(np.eye(3, dtype=np.float32), np.array([2, 0]))
    >>> rows.shape, rows[0:1].tolist()
    ((2, 3), [[0.0, 0.0, 1.0]])
    """

    def __init__(self, features: Features, index: NDArray[np.integer[Any]]) -> None:
        self._rows = as_rows(features)
        index = np.asarray(index)
        count = self._rows.shape[0]
        if index.ndim != 1 or index.dtype.kind not in "iu":
            found = f"{index.dtype} of shape {index.shape}"
            raise InputError(f"found an index of {found}, expected (m,) integers")
        if len(index) and not (index.min() >= 0 and index.max() < count):
            found = f"{index.min()} to {index.max()}"
            raise InputError(f"found an index of {found}, expected rows 0 to {count - 1}")
        self.index = index
        self.shape: tuple[int, int] = (len(index), self._rows.shape[1])
        self.dtype = self._rows.dtype

    # Asked for with each block that is decoded, and so gathered once.
    @cached_property
    def scales(self) -> NDArray[np.float32] | None:
        """(m,) scales of the picked rows, for integers."""
        scales = self._rows.scales
        return None if scales is None else scales[self.index]

    @cached_property
    def errors(self) -> NDArray[np.float32] | None:
        """(m,) bounds of what storing took from the picked rows, where known."""
        errors = self._rows.errors
        return None if errors is None else errors[self.index]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return stored values of some of the picked rows: a copy."""
        return _stored(self._rows, self.index[rows])


def _stored(rows: Rows, index: NDArray[Any]) -> NDArray[Any]:
    """Read the stored values of single rows, from ascending places of the file."""
    found = np.empty((len(index), rows.shape[1]), rows.dtype)
    if not len(index):
        return found
    order = np.argsort(index, kind="stable")
    wanted = index[order]
    cuts = np.flatnonzero(np.diff(wanted // _SPAN)) + 1
    for places in np.split(np.arange(len(wanted)), cuts):
        first, last = int(wanted[places[0]]), int(wanted[places[-1]])
        found[order[places]] = rows[first : last + 1][wanted[places] - first]
    return found


def gathered(features: Features, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Return single rows as float32 features.

    Parameters
    ----------
    features
        (n, d) rows or array.
    index
        (m,) integers.

    Returns
    -------
    NDArray[float32]
        (m, d), a copy.

    Examples
    --------
    >>> gathered(np.array([[1], [2], [3]], np.float16), np.array([2, 0]))
    array([[3.],
           [1.]], dtype=float32)
    """
    rows = as_rows(features)
    stored = _stored(rows, np.asarray(index))
    if stored.dtype == np.float32:
        return stored
    found: NDArray[np.float32] = stored.astype(np.float32)
    scales = rows.scales
    if scales is not None:
        found *= scales[index][:, None]
    return found


def refuse_infinite(features: NDArray[np.float32], index: NDArray[np.integer[Any]]) -> None:
    """Raise `InputError` that names the first row whose feature is infinite or no number.

    Parameters
    ----------
    features
        (m, d).
    index
        (m,) their numbers.

    Examples
    --------
    >>> refuse_infinite(np.ones((2, 3), np.float32), np.array([4, 7]))
    """
    # A sum is finite only where all values are, or overflows, and is quicker than a look at each.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(features.sum()):
            return
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        row = int(index[np.argmin(finite)])
        raise InputError(f"found a value that is no finite number in row {row}")
