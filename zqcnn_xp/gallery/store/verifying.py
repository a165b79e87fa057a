"""Checking a store: every byte against its checksum, and which rows a damaged one is of."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import opened, read_at
from zqcnn_xp.gallery.store.layout import (
    CHECKED,
    CHECKS,
    CHUNK,
    LABEL_ENDS,
    LABELS,
    LOG,
    RECORD,
    Commit,
    chunks_of,
)
from zqcnn_xp.gallery.store.log import commits, gone

__all__ = ["Verified", "damages", "verified"]


class Verified(NamedTuple):
    """What was found whole.

    Attributes
    ----------
    appends, rows
        How many of each.
    bytes
        Size of everything that was read.
    """

    appends: int
    rows: int
    bytes: int


def verified(folder: Path, last: Commit) -> Verified:
    """Check a store up to a commit; raises the first damage."""
    for damage in damages(folder, last):
        raise damage
    size = sum(last.end(name) for name in last.files) + (last.sequence + 1) * RECORD
    return Verified(last.sequence, last.rows, size)


def damages(folder: Path, last: Commit) -> Iterator[StoreError]:
    """Yield every damage of a store up to a commit."""
    before: Commit | None = None
    files: dict[str, FileIO] = {}
    try:
        for name in last.files:
            files[name] = opened(folder / name, "rb")
        if replaced := gone(folder, last):
            yield replaced
            return
        for number, commit in commits(folder):
            if number > last.sequence:
                break
            if commit is None or commit.identity != last.identity:
                where = f"record {number} (bytes {number * RECORD} to {(number + 1) * RECORD})"
                found = "a record that does not fit its checksum"
                expected = f"append {number}, without which it and the next cannot be checked"
                yield StoreError(str(folder / LOG), where, found, expected)
                before = None
                continue
            if before is not None:
                yield from _append(folder, files, before, commit)
            before = commit
    finally:
        for file in files.values():
            file.close()


def _append(
    folder: Path, files: dict[str, FileIO], before: Commit, commit: Commit
) -> Iterator[StoreError]:
    """Yield the damage of what one append added."""
    start, end = before.end(CHECKS), commit.end(CHECKS)
    names = [name for name in CHECKED if name in files]
    counts = [chunks_of(before.end(name), commit.end(name)) for name in names]
    # The log vouches for these sizes, and the file has to be that long.
    data = read_at(files[CHECKS], folder / CHECKS, start, end - start)
    if len(data) != 4 * sum(counts) or crc32(data) != commit.check:
        where = f"bytes {start} to {end}"
        found = f"checksums of append {commit.sequence} (rows {before.rows} to {commit.rows})"
        expected = f"those with checksum {commit.check:#010x}"
        yield StoreError(str(folder / CHECKS), where, found + " that changed", expected)
        return
    sums: list[int] = np.frombuffer(data, "<u4").tolist()
    place = 0
    for name, count in zip(names, counts, strict=True):
        for number in range(count):
            first = before.end(name) + number * CHUNK
            size = min(CHUNK, commit.end(name) - first)
            part = read_at(files[name], folder / name, first, size)
            expected_sum = sums[place]
            place += 1
            if len(part) == size and crc32(part) == expected_sum:
                continue
            where = f"bytes {first} to {first + size}, {_rows(name, before, commit, first, size)}"
            found = f"checksum {crc32(part):#010x}" if len(part) == size else f"{len(part)} bytes"
            expected = f"{expected_sum:#010x}" if len(part) == size else f"{size}"
            yield StoreError(str(folder / name), where, found, expected)


def _rows(name: str, before: Commit, commit: Commit, first: int, size: int) -> str:
    """Name the rows that some bytes of a file are of."""
    width = commit.row_bytes(name)
    if width:
        return f"rows {first // width} to {-(-(first + size) // width)}"
    if name in (LABELS, LABEL_ENDS):
        return f"labels {before.labels} to {commit.labels}"
    return f"rows {before.rows} to {commit.rows}"
