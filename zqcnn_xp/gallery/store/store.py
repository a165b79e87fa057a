"""A feature store: a folder of files that one process appends to and many read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, StoreError, StoreLocked
from zqcnn_xp.gallery.rows import Features
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.contents import Contents
from zqcnn_xp.gallery.store.layout import Commit
from zqcnn_xp.gallery.store.log import gone
from zqcnn_xp.gallery.store.opening import created, located, refreshed
from zqcnn_xp.gallery.store.writer import Writer, lock_of

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Store"]


class Store(Contents):
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
        super().__init__(path, commit)
        self.mode = "r" if writer is None else "a"
        self._writer = writer

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
            In mode ``"a"``, if an append or a `rewrite` was cut off: its bytes are taken away.
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
        self._appending()
        came = 0
        for part in ([batch] for batch in batches) if each else (batches,):
            with self._turn() as writer:
                before = writer.commit.rows
                try:
                    came += writer.append(part).rows - before
                finally:
                    self._see(writer.commit)
        return came

    @contextmanager
    def _turn(self) -> Iterator[Writer]:
        """Yield the writer when no other thread uses it; a `rewrite` leaves another writer."""
        while True:
            writer = self._appending()
            with writer.turn:
                if writer is self._writer:
                    yield writer
                    return

    def _appending(self) -> Writer:
        if self._closed or self._writer is None:
            found = "a store that was closed" if self._closed else "a store opened for reading"
            raise StoreError(str(self.path), "", found, "one opened with mode 'a'")
        return self._writer

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
        self._see(commit)
        return grown

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

    def remove(self, rows: NDArray[np.integer[Any]]) -> int:
        """Take rows away for good; returns how many there were.

        As `rewrite`, with all other rows.

        Parameters
        ----------
        rows
            (m,) integers; one that comes twice counts once.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.create(folder + "/faces", 2) as store:
        ...         store.append(np.eye(2, dtype=np.float32), ["1.jpg", "2.jpg"])
        ...         store.remove(np.array([0])), store.names[:]
        (1, ['2.jpg'])
        """
        from zqcnn_xp.gallery.store.copying import checked_index

        with self._turn() as writer:  # no other thread appends what would not be among the rest
            unwanted = np.unique(checked_index(rows, len(self)))
            self._rewrite(writer, np.setdiff1d(np.arange(len(self)), unwanted), ())
        return len(unwanted)

    def rewrite(self, rows: NDArray[np.integer[Any]], batches: Iterable[Batch] = ()) -> None:
        """Keep some rows and append others, all at once; what is not kept leaves the files.

        A new store is written beside this one, with twice the room on the disk for as long, and
        takes its place in one step: a crash leaves the one or the other. Other files in the folder
        come along. Readers that have this store open go on reading the rows that they see, whose
        bytes the system gives back when the last has closed it; `refresh` tells them.

        Parameters
        ----------
        rows
            (m,) rows to keep, in the order wanted.
        batches
            What to append to them.

        Raises
        ------
        InputError
            If a row is not there, or a batch does not fit; the store is as it was.
        StoreError
            If the store is open for reading, or the disk is full or fails; the store is as it was.
            Or if the rows were removed, but the folder that still has them, which the message
            names, could not be deleted: this store is then closed.

        Notes
        -----
        The lock is given up for a moment at the end. If another writer takes it, this store is
        closed afterwards. Appends of other threads wait, and follow.
        """
        with self._turn() as writer:
            self._rewrite(writer, np.asarray(rows), batches)

    def _rewrite(
        self, writer: Writer, rows: NDArray[np.integer[Any]], batches: Iterable[Batch]
    ) -> None:
        from zqcnn_xp.gallery.store.copying import rewritten
        from zqcnn_xp.gallery.store.replacing import deleted

        writer.check()
        # "." has no name to put another beside, and is another folder afterwards.
        self.path = self.path.resolve()
        durable = writer.durable
        try:
            old = rewritten(self, rows, batches)
        except BaseException:
            if gone(self.path, writer.commit):
                self.close()  # interrupted just after: what is appended would be lost
            raise
        try:
            deleted(old)  # before the lock is released: no other writer may come to lock it
        finally:
            self.close()
        try:
            again = type(self).open(self.path, "a", durability="fsync" if durable else "os")
        except StoreLocked:
            return
        self._closed, self._writer, self._commit = False, again._writer, again._commit

    def sync(self) -> None:
        """Return when everything appended is on the disk itself, for ``durability="os"``."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Release the files and the lock. Arrays that were handed out stay valid.

        Raises
        ------
        StoreError
            If a file system says only now that it could not keep what was appended.
        """
        self._closed = True
        self._views = {}
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

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
