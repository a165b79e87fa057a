"""Scores of all pairs of labelled features, a tile at a time.

Rows are put in the order of their labels, so that the pairs of one identity lie in squares along
the diagonal of the score matrix, and nearly all tiles hold impostor pairs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["PairScores", "unit_rows"]

_ROWS, _COLUMNS = 512, 4096  # a tile of float32 is 8 MB


class PairScores:
    """Dot products of all unordered pairs of rows, told apart by the rows' labels.

    Parameters
    ----------
    features
        (n, d) float32.
    labels
        (n,) integers: equal ones are one identity.

    Examples
    --------
    >>> scores = PairScores(np.eye(3, dtype=np.float32), np.array([7, 5, 7]))
    >>> scores.genuine_count, scores.impostor_count
    (1, 2)
    >>> scores.genuine().tolist(), [part.tolist() for part in scores.impostors()]
    ([0.0], [[0.0, 0.0]])
    """

    def __init__(self, features: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> None:
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            msg = (
                f"found features {features.shape} and labels {labels.shape}, "
                "expected (n, d) and (n,)"
            )
            raise InputError(msg)
        order = np.argsort(labels, kind="stable")
        self._features = features[order]
        _, self._starts, inverse, counts = np.unique(
            labels[order], return_index=True, return_inverse=True, return_counts=True
        )
        # Row i's impostors before it are the rows before the first one of its identity.
        self._first = self._starts[inverse]
        n = len(labels)
        self.genuine_count = int((counts * (counts - 1) // 2).sum())
        self.impostor_count = n * (n - 1) // 2 - self.genuine_count

    def genuine(self) -> NDArray[np.float32]:
        """Return the scores of all pairs of one identity, in no particular order."""
        found = [np.empty(0, np.float32)]
        for rows, columns in self._tiles():
            if columns.stop > self._first[rows.start]:
                tile, impostor, lower = self._masked(rows, columns)
                found.append(tile[lower & ~impostor])
        return np.concatenate(found)

    def impostors(self) -> Iterator[NDArray[np.float32]]:
        """Yield the scores of all pairs of two identities; every pass yields the same ones."""
        for rows, columns in self._tiles():
            if columns.stop <= self._first[rows.start]:
                yield (self._features[rows] @ self._features[columns].T).reshape(-1)
            else:
                tile, impostor, _ = self._masked(rows, columns)
                yield tile[impostor]

    def _tiles(self) -> Iterator[tuple[slice, slice]]:
        """Yield tiles that cover the lower triangle."""
        n = len(self._features)
        for i in range(0, n, _ROWS):
            stop = min(i + _ROWS, n)
            for j in range(0, stop, _COLUMNS):
                yield slice(i, stop), slice(j, min(j + _COLUMNS, stop))

    def _masked(
        self, rows: slice, columns: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return a tile, which of it are impostors, and which lie below the diagonal."""
        tile = self._features[rows] @ self._features[columns].T
        column = np.arange(columns.start, columns.stop)
        impostor = column < self._first[rows, None]
        lower = column < np.arange(rows.start, rows.stop)[:, None]
        return tile, impostor, lower


def unit_rows(features: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows of L2 norm 1 as float32; norms are taken in float64.

    Raises
    ------
    InputError
        If a row has a value that is no finite number, or has no direction.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]], dtype=float32)
    """
    wide = features.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        shown = ", ".join(map(str, bad[:5].tolist()))
        msg = f"found {bad.size:,} rows of zeros or of no finite numbers: {shown}"
        raise InputError(msg if bad.size <= 5 else f"{msg}, ...")
    units: NDArray[np.float32] = (wide / norms[:, None]).astype(np.float32)
    return units
