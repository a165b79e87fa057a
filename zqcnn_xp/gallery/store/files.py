"""The open files of a writer: one append written, committed, or taken back."""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from zlib import crc32

import numpy as np

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import cut, failed, opened, size_of, sync, write
from zqcnn_xp.gallery.store.layout import CHECKED, CHECKS, CHUNK, LOG, RECORD, Commit

__all__ = ["Growth", "WriterFiles"]


class Growth:
    """What one append adds to one file: where it stands, and the checksums so far."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.sums: list[int] = []
        self._room = 0

    def add(self, data: memoryview) -> None:
        """Count bytes in; each `CHUNK` of an append has a checksum of its own."""
        done = 0
        while done < len(data):
            if self._room == 0:
                self.sums.append(0)
                self._room = CHUNK
            part = data[done : done + self._room]
            self.sums[-1] = crc32(part, self.sums[-1])
            self._room -= len(part)
            done += len(part)
        self.end += done


class WriterFiles:
    """All files of a store, open for writing.

    Nothing here checks what it is given. A write goes to where the last commit ends, so that bytes
    of an append that failed are in nobody's way.

    Parameters
    ----------
    folder
        The store.
    commit
        Its last commit.
    durable
        Whether a commit waits for the disk.

    Attributes
    ----------
    last
        The last commit.
    """

    def __init__(self, folder: Path, commit: Commit, *, durable: bool) -> None:
        self.folder = folder
        self.last = commit
        self.durable = durable
        self._files: dict[str, FileIO] = {}
        try:
            for name in (*commit.files, LOG):
                self._files[name] = opened(folder / name, "r+b")
        except BaseException:
            self.close()
            raise
        # An earlier writer may have left bytes to the system alone.
        self._unsynced = set(commit.files)
        self._grown: dict[str, Growth] = {}
        self.begin(commit)

    def begin(self, commit: Commit) -> None:
        """Start an append after a commit."""
        self.last = commit
        self._recorded = False
        self._grown = {name: Growth(commit.end(name)) for name in commit.files}

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Add bytes to a file."""
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        if len(view):
            self._unsynced.add(name)
            write(self._files[name], self.folder / name, self._grown[name].end, view)
            self._grown[name].add(view)

    def commit(self, **sizes: int) -> Commit:
        """Make the append count: data to the disk first, then the record that covers them."""
        sums = [
            total for name in CHECKED if name in self._grown for total in self._grown[name].sums
        ]
        checks = np.array(sums, "<u4").tobytes()
        self.write(CHECKS, checks)
        if self.durable:
            self.sync()
        check_bytes = self._grown[CHECKS].end
        commit = self.last.following(check_bytes=check_bytes, check=crc32(checks), **sizes)
        write(self._files[LOG], self.folder / LOG, commit.sequence * RECORD, commit.packed())
        self._recorded = True
        if self.durable:
            sync(self._files[LOG], self.folder / LOG)
        self.begin(commit)
        return commit

    def sync(self) -> None:
        """Return when all data are on the disk itself."""
        for name in sorted(self._unsynced):
            sync(self._files[name], self.folder / name)
            self._unsynced.discard(name)

    def sync_log(self) -> None:
        """Return when the log is on the disk itself."""
        sync(self._files[LOG], self.folder / LOG)

    def take_back(self) -> None:
        """Undo an append that failed: the record first, and only when that is sure the data.

        Data of a record that was written whole stay, in nobody's way: a reader may have seen it,
        and touching what is gone from a mapped file ends a process.
        """
        commit = self.last
        cut(self._files[LOG], self.folder / LOG, (commit.sequence + 1) * RECORD)
        if self.durable:
            self.sync_log()
        for name in () if self._recorded else commit.files:
            cut(self._files[name], self.folder / name, commit.end(name))
        self.begin(commit)

    def overhang(self) -> dict[str, int]:
        """Return how many bytes of each file no commit covers."""
        commit = self.last
        ends = {name: commit.end(name) for name in commit.files}
        ends[LOG] = (commit.sequence + 1) * RECORD
        sizes: Iterable[tuple[str, int]] = ((name, size_of(self.folder / name)) for name in ends)
        return {name: size - ends[name] for name, size in sizes if size > ends[name]}

    def close(self) -> None:
        """Close the files: all of them, also where one says only now that a write failed.

        Raises
        ------
        StoreError
            For the first that says so, as file systems of a network may.
        """
        problem: StoreError | None = None
        for name, file in self._files.items():
            try:
                file.close()
            except OSError as error:
                expected = "a disk that keeps what was written"
                problem = problem or failed(self.folder / name, "", error, expected)
        self._files.clear()
        if problem is not None:
            raise problem
