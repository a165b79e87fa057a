"""The one writer of a store: its lock, and appends that count whole or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, StoreError, StoreLocked
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.columns import LabelTable
from zqcnn_xp.gallery.store.files import WriterFiles
from zqcnn_xp.gallery.store.incoming import encoded_texts, given_rows, stored_blocks, text_bytes
from zqcnn_xp.gallery.store.layout import (
    ERRORS,
    ERRORS_KNOWN,
    LABEL_ENDS,
    LABEL_IDS,
    LABELS,
    LOCK,
    ROWS,
    SCALES,
    TEXT_ENDS,
    TEXTS,
    Commit,
)
from zqcnn_xp.gallery.store.replacing import cleared

__all__ = ["TornAppendWarning", "Writer", "lock_of"]

_MAX_LABELS = (1 << 31) - 1


class TornAppendWarning(UserWarning):
    """What an append or a rewriting that never finished has left was found and taken away."""


def lock_of(folder: Path) -> FileLock:
    """Take the writer's lock of a store.

    Raises
    ------
    StoreLocked
        If another writer has it, in this process or in another.
    """
    while True:
        before = _inode(folder / LOCK)
        lock = FileLock(folder / LOCK, thread_local=False)  # another thread may close the store
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            expected = "no other writer; readers need no lock"
            raise StoreLocked(str(folder), "", "a writer that holds the store", expected) from error
        except (OSError, NotImplementedError) as error:
            found = f"a lock that cannot be taken ({getattr(error, 'strerror', None) or error})"
            raise StoreError(str(folder), "", found, "a folder that can be written") from error
        # Where another store took the place of this one in between, this is the lock of the old.
        if before is None or _inode(folder / LOCK) == before:
            return lock
        lock.release()


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:  # said when the lock is taken
        return None


class Writer:
    """Appends to a store whose lock is held.

    Parameters
    ----------
    folder, commit
        The store and its last commit.
    lock
        Its lock; released by `close`.
    durable
        Whether an append waits for the disk.

    Attributes
    ----------
    turn
        Held by the thread that appends, or that puts another store in the place of this one.
    """

    def __init__(self, folder: Path, commit: Commit, lock: FileLock, *, durable: bool) -> None:
        self.folder = folder
        self.turn = Lock()
        self._process = os.getpid()
        self._lock = lock
        self._broken = False
        self._labels: dict[str, int] | None = None
        self._files = WriterFiles(folder, commit, durable=durable)
        try:
            torn = self._files.overhang()
            if torn:
                self._files.take_back()
            left = cleared(folder.resolve())
        except BaseException:
            self._files.close()
            raise
        if torn:
            found = ", ".join(f"{size} bytes of {name}" for name, size in sorted(torn.items()))
            message = (
                f"{folder}: an append that never finished was taken away ({found}); "
                f"the {commit.rows} rows before it are whole"
            )
            warnings.warn(message, TornAppendWarning, stacklevel=3)
        if left:
            message = f"{folder}: what a rewriting that was cut off has left was taken away"
            warnings.warn(f"{message} ({', '.join(left)})", TornAppendWarning, stacklevel=3)

    @property
    def commit(self) -> Commit:
        """The last commit."""
        return self._files.last

    @property
    def durable(self) -> bool:
        """Whether an append waits for the disk."""
        return self._files.durable

    def check(self) -> None:
        """Refuse to write where that would harm what is there."""
        found = None
        if self._broken:
            found = "a writer whose last append could not be taken back"
        elif self._process != os.getpid():  # two would write over each other
            found = "a writer that a fork of its process has as well"
        if found is not None:
            raise StoreError(str(self.folder), "", found, "a store that was opened again")

    def append(self, batches: Iterable[Batch]) -> Commit:
        """Append all batches as one: either all their rows count afterwards, or none does.

        Raises
        ------
        InputError
            If a batch does not fit the store.
        StoreError
            If the disk is full or fails.
        """
        self.check()
        try:
            return self._append(batches)
        except BaseException:
            # Until taking back worked, nothing may be written over.
            self._broken = True
            self._labels = None
            self._files.take_back()
            self._broken = False
            raise

    def _append(self, batches: Iterable[Batch]) -> Commit:
        start = self.commit
        rows, flags, text_bytes_ = start.rows, start.flags, start.text_bytes
        fresh: dict[str, int] = {}
        label_bytes = start.label_bytes
        for batch in batches:
            count, known = self._features(batch)
            flags &= known
            text_bytes_ = self._texts(batch, count, text_bytes_)
            label_bytes = self._label(batch, count, fresh, label_bytes)
            rows += count
        if rows == start.rows:
            return start
        commit = self._files.commit(
            rows=rows,
            labels=start.labels + len(fresh),
            label_bytes=label_bytes,
            text_bytes=text_bytes_,
            flags=flags,
        )
        if self._labels is not None:
            self._labels.update(fresh)
        return commit

    def _features(self, batch: Batch) -> tuple[int, int]:
        rows = given_rows(batch.features, self.commit.dim)
        count = rows.shape[0]
        for what in ("names", "labels", "meta"):
            values = getattr(batch, what)
            if isinstance(values, (str, bytes)):
                raise InputError(f"found {type(values).__name__} as {what}, expected a list")
            if (values is not None or what == "names") and len(values) != count:
                raise InputError(f"found {len(values)} {what} for {count} features")
        known = ERRORS_KNOWN
        for stored in stored_blocks(rows, self.commit):
            dtype = stored.values.dtype.newbyteorder("<")
            self._write(ROWS, np.ascontiguousarray(stored.values, dtype))
            if stored.scales is not None and stored.errors is not None:
                self._write(SCALES, np.ascontiguousarray(stored.scales, "<f4"))
                self._write(ERRORS, np.ascontiguousarray(stored.errors, "<f4"))
                if not np.isfinite(stored.errors).all():
                    known = 0
        return count, known

    def _texts(self, batch: Batch, count: int, start: int) -> int:
        if not count:
            return start
        run, ends = encoded_texts(batch.names, batch.meta, start)
        self._files.write(TEXTS, run)
        self._write(TEXT_ENDS, ends.astype("<u8", copy=False))
        return start + len(run)

    def _label(self, batch: Batch, count: int, fresh: dict[str, int], end: int) -> int:
        numbers = np.full(count, -1, "<i4")
        runs: list[bytes] = []
        if batch.labels is not None:
            known = self._known_labels()
            for row, label in enumerate(batch.labels):
                if label is None:
                    continue
                number = known.get(label) if isinstance(label, str) else None
                if number is None:
                    number = fresh.get(label) if isinstance(label, str) else None
                if number is None:
                    runs.append(text_bytes(label, f"label of row {row}"))
                    number = fresh[label] = self.commit.labels + len(fresh)
                numbers[row] = number
        if self.commit.labels + len(fresh) > _MAX_LABELS:
            raise InputError(f"found more than {_MAX_LABELS} different labels")
        self._write(LABEL_IDS, numbers)
        self._files.write(LABELS, b"".join(runs))
        lengths = np.fromiter(map(len, runs), np.uint64, len(runs))
        self._write(LABEL_ENDS, (np.cumsum(lengths) + np.uint64(end)).astype("<u8", copy=False))
        return end + int(lengths.sum())

    def _known_labels(self) -> dict[str, int]:
        if self._labels is None:
            table = LabelTable(self.folder, self.commit)
            self._labels = {label: number for number, label in enumerate(table.all())}
        return self._labels

    def _write(self, name: str, values: NDArray[Any]) -> None:
        if values.size:
            self._files.write(name, values.data)

    def sync(self) -> None:
        """Return when everything committed is on the disk itself."""
        self._files.sync()
        self._files.sync_log()

    def close(self) -> None:
        """Close the files and release the lock."""
        try:
            self._files.close()
        finally:
            if self._process == os.getpid():
                self._lock.release()
