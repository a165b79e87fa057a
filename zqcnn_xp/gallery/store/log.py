"""Reading the log: the last commit that counts, and telling a torn append from damage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import opened, read_at, size_of
from zqcnn_xp.gallery.store.layout import LOG, RECORD, Commit

__all__ = ["Scan", "commits", "gone", "last_commit", "missing", "salvaged"]

_BLOCK = 4096  # records that are read at a time
_WAIT = 0.02
_FIELDS = np.dtype(
    {
        "names": ["identity", "sequence", "before", "sum"],
        "formats": [("<u8", 2), "<u8", "<u4", "<u4"],
        "offsets": [8, 24, 88, 124],
        "itemsize": RECORD,
    }
)


class Scan(NamedTuple):
    """What a log says.

    Attributes
    ----------
    commit
        The last one before any damage; ``None`` if there is none.
    torn
        Bytes after it that belong to no commit: an append that was cut off.
    damage
        A record that is not as it was written although it once was, or ``None``.
    """

    commit: Commit | None
    torn: int
    damage: StoreError | None


def last_commit(folder: Path, known: Commit | None = None) -> Scan:
    """Read a log, or what was added to it after a commit that is ``known``.

    A record that is cut short, or of zeros only like all after it, was never committed. Any other
    that does not fit its checksum, or the record before it, is damage.
    """
    scan = _scan(folder, known)
    if scan.damage is not None and scan.torn <= RECORD:
        # The newest record: another process may be writing it.
        time.sleep(_WAIT)
        scan = _scan(folder, known)
    return scan


def _scan(folder: Path, known: Commit | None) -> Scan:
    path = folder / LOG
    commit = None
    number = known.sequence if known else 0
    with opened(path, "rb") as file:
        while True:
            data = read_at(file, path, number * RECORD, _BLOCK * RECORD)
            whole = len(data) // RECORD
            good = _good(data[: whole * RECORD], commit, number)
            if commit is None and known and data[:RECORD] != known.packed():
                good = 0
            if good:
                commit = Commit.unpacked(data[(good - 1) * RECORD : good * RECORD])
            number += good
            if good < _BLOCK:
                break
        end = number * RECORD
        torn = max(size_of(path) - end, 0)
        if good == whole or _only_zeros(file, path, end):
            if commit is None and known:
                found = f"{size_of(path)} bytes"
                error = StoreError(str(path), "", found, f"{end + RECORD}, as there were before")
                return Scan(None, torn, error)
            return Scan(commit, torn, None)
        record = data[good * RECORD : (good + 1) * RECORD]
        return Scan(commit, torn, _damage(path, number, record))


def _zeros(data: bytes) -> bool:
    return data.count(0) == len(data)


def _only_zeros(file: FileIO, path: Path, offset: int) -> bool:
    while data := read_at(file, path, offset, _BLOCK * RECORD):
        if not _zeros(data):
            return False
        offset += len(data)
    return True


def _good(data: bytes, commit: Commit | None, number: int) -> int:
    """Count the records at the beginning that are whole, in order and linked to each other."""
    if not data:
        return 0
    fields = np.frombuffer(data, _FIELDS)
    view = memoryview(data)
    sums = np.fromiter(
        (crc32(view[at : at + RECORD - 4]) for at in range(0, len(data), RECORD)), np.uint32
    )
    identity = np.frombuffer(commit.identity, "<u8") if commit else fields["identity"][0]
    fits: NDArray[np.bool_] = sums == fields["sum"]
    fits &= (fields["identity"] == identity).all(axis=1)
    fits &= fields["sequence"] == np.arange(number, number + len(fields), dtype=np.uint64)
    fits[1:] &= fields["before"][1:] == fields["sum"][:-1]
    if commit is not None:
        fits[0] &= fields["before"][0] == commit.following().before
    elif number == 0:
        fits[0] &= fields["before"][0] == 0
    good = len(fits) if fits.all() else int(np.argmin(fits))
    # The rest of a record is not in doubt where its checksum fits; its version may be.
    return good if good and Commit.unpacked(data[(good - 1) * RECORD : good * RECORD]) else 0


def _damage(path: Path, number: int, record: bytes) -> StoreError:
    where = f"record {number} (bytes {number * RECORD} to {(number + 1) * RECORD})"
    read = Commit.unpacked(record)
    if read is None:
        stored, right = int.from_bytes(record[-4:], "little"), crc32(record[:-4])
        if stored == right:
            return StoreError(str(path), where, f"the beginning {record[:8]!r}", "a known record")
        return StoreError(str(path), where, f"checksum {right:#010x}", f"{stored:#010x}")
    found = f"record {read.sequence} of store {read.identity.hex()[:8]}"
    return StoreError(str(path), where, found, f"record {number}, which follows the one before")


def commits(folder: Path) -> Iterator[tuple[int, Commit | None]]:
    """Yield every whole record of a log with its number; ``None`` for one that is damaged.

    Zeros at the end were never committed and are left out.
    """
    path = folder / LOG
    number = 0
    pending: list[int] = []
    with opened(path, "rb") as file:
        while data := read_at(file, path, number * RECORD, _BLOCK * RECORD):
            for at in range(0, len(data) - RECORD + 1, RECORD):
                record = data[at : at + RECORD]
                if _zeros(record):
                    pending.append(number)
                else:
                    for empty in pending:
                        yield empty, None
                    pending.clear()
                    commit = Commit.unpacked(record)
                    yield number, commit if commit and commit.sequence == number else None
                number += 1
            if len(data) < _BLOCK * RECORD:
                break


def gone(folder: Path, commit: Commit) -> StoreError | None:
    """Say so if a folder no longer holds the store whose commit is known.

    Files are opened by their names when they are needed first, and a store that was written anew
    takes the place of all of them at once. Who opened one and then finds the commit in the log has
    opened this store's: one that was replaced does not come back.
    """
    path = folder / LOG
    try:
        with opened(path, "rb") as file:
            if read_at(file, path, commit.sequence * RECORD, RECORD) == commit.packed():
                return None
            first = Commit.unpacked(read_at(file, path, 0, RECORD))
    except StoreError:
        first = None
    if first is not None and first.identity == commit.identity:
        return None  # it is the same store, whatever became of this commit
    found = "another store in the place of the one that was opened"
    return StoreError(str(folder), "", found, "the same; open it again")


def missing(folder: Path, commit: Commit) -> StoreError | None:
    """Name the first file that is shorter than a commit says, if one is."""
    for name in commit.files:
        size, end = size_of(folder / name), commit.end(name)
        if size < end:
            expected = f"{end}, which append {commit.sequence} committed"
            return StoreError(str(folder / name), f"byte {size}", f"{size} bytes", expected)
    return None


def salvaged(folder: Path) -> Commit | None:
    """Return the last commit of which every byte is there, in a log with damaged records or not."""
    best: Commit | None = None
    sizes: dict[str, int] = {}
    for _, commit in commits(folder):
        if commit is None or (best is not None and commit.identity != best.identity):
            continue
        sizes = sizes or {name: size_of(folder / name) for name in commit.files}
        if all(commit.end(name) <= sizes[name] for name in commit.files):
            best = commit
    return best
