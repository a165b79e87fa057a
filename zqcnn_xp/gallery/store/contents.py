"""What is read of a store: features, names, labels, metadata, and whether they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.rows import ArrayRows
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.columns import LabelColumn, LabelTable, MetaColumn, NameColumn
from zqcnn_xp.gallery.store.disk import mapped, size_of
from zqcnn_xp.gallery.store.layout import ERRORS, ERRORS_KNOWN, ROWS, SCALES, Commit
from zqcnn_xp.gallery.store.log import gone

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.verifying import Verified

__all__ = ["Contents"]

_BLOCK = 1 << 14


class Contents:
    """A store up to one commit.

    Parameters
    ----------
    path
        Its folder.
    commit
        The last append that counts.
    """

    def __init__(self, path: Path, commit: Commit) -> None:
        self.path = path
        self._views: dict[str, Any] = {}
        self._commit = commit
        self._closed = False

    def _see(self, commit: Commit) -> None:
        """Take another commit for the last one; arrays that were handed out stay as they are."""
        if commit != self._commit:
            self._commit = commit
            self._views = {}

    def __len__(self) -> int:
        return self._commit.rows

    def __repr__(self) -> str:
        return f"<Store {str(self.path)!r}: {len(self)} x {self.dim} {self.dtype}>"

    @property
    def dim(self) -> int:
        """Values of a feature."""
        return self._commit.dim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that is stored."""
        return np.dtype(self._commit.dtype)

    @property
    def commit(self) -> Commit:
        """The last append that this object sees."""
        return self._commit

    @property
    def rows(self) -> ArrayRows:
        """All features, mapped from the file: nothing is read before a slice is used.

        It stays as it is when the store grows; ask again for the rows that came later.

        Raises
        ------
        StoreError
            As `names`, `labels` and `meta` do, if a file is damaged, or another store took the
            place of this one before its files were opened. What was opened stays.
        """
        rows: ArrayRows = self._view("rows", self._map_rows)
        return rows

    def _map_rows(self) -> ArrayRows:
        commit = self._commit
        stored = np.dtype(commit.dtype).newbyteorder("<").str
        values = mapped(self.path / ROWS, stored, (commit.rows, commit.dim))
        if not commit.quantised:
            return ArrayRows(values)
        scales = mapped(self.path / SCALES, "<f4", (commit.rows,))
        known = commit.flags & ERRORS_KNOWN
        errors = mapped(self.path / ERRORS, "<f4", (commit.rows,)) if known else None
        return ArrayRows(values, scales, errors)

    @property
    def names(self) -> NameColumn:
        """The name of each row; an index gives ``str``, a slice a list."""
        names: NameColumn = self._view("names", lambda: NameColumn(self.path, self._commit))
        return names

    @property
    def labels(self) -> LabelColumn:
        """The label of each row, ``None`` for nobody."""
        labels: LabelColumn = self._view("labels", lambda: LabelColumn(self._table()))
        return labels

    @property
    def meta(self) -> MetaColumn:
        """The JSON object of each row, or ``None``."""
        meta: MetaColumn = self._view("meta", lambda: MetaColumn(self.path, self._commit))
        return meta

    def label_ids(self) -> tuple[NDArray[np.int32], list[str]]:
        """Return the number of each row's label, (n,) int32, and the labels by number.

        -1 is nobody. The numbers are mapped from the file; only the labels take memory.

        Raises
        ------
        StoreError
            If a number has no label.
        """
        table = self._table()
        return table.checked(), table.all()

    def _table(self) -> LabelTable:
        table: LabelTable = self._view("table", lambda: LabelTable(self.path, self._commit))
        return table

    def _view(self, name: str, make: Any) -> Any:
        if self._closed:
            raise StoreError(str(self.path), "", "a store that was closed", "an open one")
        if name not in self._views:
            try:
                made = make()
            except StoreError:
                self._check_there()
                raise
            self._check_there()  # what was just opened is this store's
            self._views[name] = made
        return self._views[name]

    def _check_there(self) -> None:
        if replaced := gone(self.path, self._commit):
            raise replaced

    def batches(self, size: int = _BLOCK) -> Iterator[Batch]:
        """Yield everything in order, ``size`` rows at a time; features in the stored form."""
        rows = self.rows
        for start in range(0, len(rows), size):
            part = slice(start, min(start + size, len(rows)))
            features = ArrayRows(
                rows[part],
                None if rows.scales is None else rows.scales[part],
                None if rows.errors is None else rows.errors[part],
            )
            yield Batch(features, self.names[part], self.labels[part], self.meta[part])

    def uncommitted(self) -> dict[str, int]:
        """Return the bytes of each file that belong to no append.

        An append that is going on makes some, and one that was cut off leaves some.
        """
        sizes = {name: size_of(self.path / name) for name in self._commit.files}
        ends = {name: self._commit.end(name) for name in self._commit.files}
        return {name: sizes[name] - ends[name] for name in sizes if sizes[name] > ends[name]}

    def verify(self) -> Verified:
        """Read every byte and compare it with its checksum, in bounded memory.

        Returns
        -------
        Verified
            How many appends, rows and bytes were found whole.

        Raises
        ------
        StoreError
            For the first damage; `damages` gives all.
        """
        from zqcnn_xp.gallery.store.verifying import verified

        return verified(self.path, self._commit)

    def damages(self) -> Iterator[StoreError]:
        """Yield what `verify` would raise, for each damaged part: file, bytes and rows."""
        from zqcnn_xp.gallery.store.verifying import damages

        return damages(self.path, self._commit)
