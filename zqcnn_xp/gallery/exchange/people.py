"""Rows of a store person by person, as files of ZQCNN hold them, and lists of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.picked import gathered

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["People", "write_lines"]

MAX_INT32 = (1 << 31) - 1


class People:
    """The persons of a store with their rows.

    Parameters
    ----------
    store
        Where the rows are.
    skip_unlabelled
        Leave out rows that are of nobody; otherwise they are an error.

    Attributes
    ----------
    labels
        p names of the persons that have rows, in the order in which they came into the store.
    counts
        (p,) rows of each.

    Raises
    ------
    InputError
        If a row is of nobody.
    """

    def __init__(self, store: Store, *, skip_unlabelled: bool = False) -> None:
        ids, labels = store.label_ids()
        nobody = int(np.count_nonzero(ids < 0))
        if nobody and not skip_unlabelled:
            found = f"{nobody} rows without a label, row {int(np.argmin(ids))} for one"
            raise InputError(f"found {found}, expected one for each: the file lists persons")
        self._store = store
        order = np.argsort(ids, kind="stable")
        self._order = order[nobody:]
        counts: NDArray[np.int64] = np.bincount(ids[ids >= 0], minlength=len(labels))
        self._present = np.flatnonzero(counts)
        self.labels = [labels[number] for number in self._present]
        self.counts = counts[self._present]

    def blocks(self, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield rows and their float32 features, person after person, ``size`` at a time."""
        rows = self._store.rows
        for start in range(0, len(self._order), size):
            index = self._order[start : start + size]
            yield index, gathered(rows, index)


def write_lines(file: BinaryIO, lines: Iterable[str], what: str) -> None:
    """Write names, one a line.

    Raises
    ------
    InputError
        For one that has a line end in it.
    """
    for number, line in enumerate(lines):
        if "\n" in line or "\r" in line:
            raise InputError(f"found {line!r} as {what} {number}, expected no line end in it")
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
