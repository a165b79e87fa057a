"""A feature store: a folder of files that one process appends to and many read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, StoreError
from zqcnn_xp.gallery.rows import ArrayRows, Features
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.columns import LabelColumn, LabelTable, MetaColumn, NameColumn
from zqcnn_xp.gallery.store.disk import mapped, size_of
from zqcnn_xp.gallery.store.layout import ERRORS, ERRORS_KNOWN, ROWS, SCALES, Commit
from zqcnn_xp.gallery.store.opening import created, located, refreshed
from zqcnn_xp.gallery.store.writer import Writer, lock_of

if TYPE_CHECKING:
    from os import PathLike

    from zqcnn_xp.gallery.store.verifying import Verified

__all__ = ["Store"]

_BLOCK = 1 << 14


class Store:
    """Features of one length and type with a name, a label and metadata each.

    Made by `Store.create` and `Store.open`; a context manager that closes it. What an append
    wrote is there for good once it returned; an append that was cut off leaves no trace.

    Attributes
    ----------
    path
        Its folder.
    mode
        ``"r"`` or ``"a"``.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Store.create(folder.name + "/faces", 2) as store:
    ...     store.append(np.eye(2, dtype=np.float32), ["1.jpg", "2.jpg"], ["Ann", None])
    >>> store = Store.open(folder.name + "/faces")
    >>> len(store), store.dim, store.names[1], store.labels[:]
    (2, 2, '2.jpg', ['Ann', None])
    >>> store.rows[0:1]
    array([[1., 0.]], dtype=float32)
    >>> store.close(); folder.cleanup()
    """

    def __init__(self, path: Path, commit: Commit, writer: Writer | None = None) -> None:
        self.path = path
        self.mode = "r" if writer is None else "a"
        self._commit = commit
        self._writer = writer
        self._views: dict[str, Any] = {}
        self._closed = False

    @classmethod
    def create(
        cls,
        path: str | PathLike[str],
        dim: int,
        dtype: str = "float32",
        *,
        durability: str = "fsync",
    ) -> Store:
        """Make an empty store and open it for appending.

        Parameters
        ----------
        path
            A folder that does not exist yet, or is empty.
        dim
            Values of a feature.
        dtype
            ``"float32"``, ``"float16"``, ``"int8"`` or ``"int16"``; integers have one scale a
            row.
        durability
            ``"fsync"``: an append returns when it is on the disk. ``"os"``: when the system has
            it; a killed process loses nothing, a power failure may.

        Raises
        ------
        InputError
            For another size, type or word.
        StoreError
            If something is there already, or nothing can be written.
        StoreLocked
            If another process is making a store there.
        """
        durable = _durable(durability)
        folder = Path(path)
        lock, commit = created(folder, dim, dtype)
        try:
            return cls(folder, commit, Writer(folder, commit, lock, durable=durable))
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        mode: str = "r",
        *,
        recover: bool = False,
        durability: str = "fsync",
    ) -> Store:
        """Open a store.

        Parameters
        ----------
        path
            Its folder.
        mode
            ``"r"`` reads, without a lock, while another process may append. ``"a"`` appends too.
        recover
            Open a damaged store for reading: up to the last append of which every byte is there.
        durability
            As in `create`, for appends.

        Raises
        ------
        StoreError
            If there is no store, or it is damaged: the message names file and place, and how many
            rows ``recover=True`` would give.
        StoreLocked
            If another writer holds it, for mode ``"a"``.

        Warns
        -----
        TornAppendWarning
            In mode ``"a"``, if an append was cut off: its bytes are taken away.
        """
        durable = _durable(durability)
        if mode not in ("r", "a"):
            raise InputError(f"found mode {mode!r}, expected 'r' or 'a'")
        if recover and mode != "r":
            raise InputError("found recover=True with mode 'a': recover by reading, and copy")
        folder = Path(path)
        if mode == "r":
            return cls(folder, located(folder, recover=recover))
        located(folder)  # before a lock file is left where no store is
        lock = lock_of(folder)
        try:
            commit = located(folder)
            return cls(folder, commit, Writer(folder, commit, lock, durable=durable))
        except BaseException:
            lock.release()
            raise

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
        """
        rows: ArrayRows = self._view("rows", self._map_rows)
        return rows

    def _map_rows(self) -> ArrayRows:
        commit = self._commit
        values = mapped(self.path / ROWS, commit.dtype, (commit.rows, commit.dim))
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
            self._views[name] = make()
        return self._views[name]

    def append(
        self,
        features: Features,
        names: Sequence[str],
        labels: Sequence[str | None] | None = None,
        meta: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> None:
        """Append rows: all of them, or none if this raises.

        Parameters
        ----------
        features
            (n, d) float32 or float16, or rows of another store, of any type. Rows of the same
            integer type keep their integers and scales; everything else is converted.
        names, labels, meta
            As in `Batch`.

        Raises
        ------
        InputError
            If a shape, type or value does not fit, a value is no finite number, or beyond what
            float16 holds.
        StoreError
            If the disk is full or fails, naming the file; the store is as it was before.
        """
        self.extend([Batch(features, names, labels, meta)])

    def extend(self, batches: Iterable[Batch], *, each: bool = False) -> int:
        """Append batches from an iterator; memory holds one at a time. Returns their rows.

        Parameters
        ----------
        batches
            What to append.
        each
            Let each batch count by itself: after an error those before it stay. Otherwise all
            batches are one append.

        Raises
        ------
        InputError, StoreError
            As `append`; also what the iterator raises passes through.
        """
        if self._closed or self._writer is None:
            found = "a store that was closed" if self._closed else "a store opened for reading"
            raise StoreError(str(self.path), "", found, "one opened with mode 'a'")
        before = len(self)
        for part in ([batch] for batch in batches) if each else (batches,):
            commit = self._writer.append(part)
            if commit != self._commit:
                self._commit = commit
                self._views = {}
        return len(self) - before

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

    def refresh(self) -> int:
        """See what a writer appended since; returns how many rows came.

        Raises
        ------
        StoreError
            If what was added is damaged, or another store took the place of this one.
        """
        if self._writer is not None:
            return 0
        commit = refreshed(self.path, self._commit)
        grown = commit.rows - self._commit.rows
        if commit != self._commit:
            self._commit = commit
            self._views = {}
        return grown

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

    def copy(
        self,
        path: str | PathLike[str],
        rows: NDArray[np.integer[Any]] | None = None,
        dtype: str | None = None,
    ) -> Store:
        """Copy rows into a new store, which appears when it is complete.

        Parameters
        ----------
        path
            A folder that does not exist yet.
        rows
            (m,) rows in the order wanted; all by default.
        dtype
            Another type; as it is by default.

        Returns
        -------
        Store
            The new one, open for reading.

        Raises
        ------
        InputError
            If a row is not there, or a value is beyond the type.
        StoreError
            If something is at ``path`` already, or nothing can be written.
        """
        from zqcnn_xp.gallery.store.copying import copied

        return copied(self, Path(path), rows, dtype)

    def sync(self) -> None:
        """Return when everything appended is on the disk itself, for ``durability="os"``."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Release the files and the lock. Arrays that were handed out stay valid."""
        self._closed = True
        self._views = {}
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _durable(durability: str) -> bool:
    if durability not in ("fsync", "os"):
        raise InputError(f"found durability {durability!r}, expected 'fsync' or 'os'")
    return durability == "fsync"
