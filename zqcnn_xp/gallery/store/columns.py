"""Names, labels and metadata of the rows, read from the files when they are asked for."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import mapped
from zqcnn_xp.gallery.store.layout import (
    LABEL_ENDS,
    LABEL_IDS,
    LABELS,
    TEXT_ENDS,
    TEXTS,
    Commit,
)

__all__ = ["Column", "LabelColumn", "LabelTable", "MetaColumn", "NameColumn", "Texts"]

Value = TypeVar("Value")
_BLOCK = 4096


class Texts:
    """Runs of bytes in one file, of which another file says where each ends.

    Parameters
    ----------
    folder, file, ends_file
        Where they are.
    count, size
        How many runs, and bytes of the file, are committed.
    """

    def __init__(self, folder: Path, file: str, ends_file: str, count: int, size: int) -> None:
        self._ends_path = folder / ends_file
        self._size = size
        self._bytes: NDArray[np.uint8] = mapped(folder / file, "u1", (size,))
        self._ends: NDArray[np.uint64] = mapped(self._ends_path, "<u8", (count,))

    def read(self, start: int, stop: int, step: int = 1) -> list[bytes]:
        """Return runs ``start``, ``start + step`` ... before ``stop``.

        Raises
        ------
        StoreError
            If an end lies before its beginning or outside the file.
        """
        ends: list[int] = self._ends[start:stop].tolist()
        before = int(self._ends[start - 1]) if start else 0
        found: list[bytes] = []
        for place in range(0, len(ends), step):
            begin = ends[place - 1] if place else before
            end = ends[place]
            if not begin <= end <= self._size:
                where = f"byte {8 * (start + place)}"
                expected = f"{begin} to {self._size}"
                raise StoreError(str(self._ends_path), where, f"the end {end}", expected)
            found.append(self._bytes[begin:end].tobytes())
        return found


class Column(Sequence[Value], Generic[Value]):
    """One value per row, read from the files: an integer gives one, a slice a list."""

    def __init__(self, count: int) -> None:
        self._count = count

    @abstractmethod
    def _read(self, start: int, stop: int) -> list[Value]:
        """Return the values of rows ``start`` to ``stop``."""

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> Value: ...
    @overload
    def __getitem__(self, row: slice) -> list[Value]: ...
    def __getitem__(self, row: int | slice) -> Value | list[Value]:
        if isinstance(row, slice):
            start, stop, step = row.indices(self._count)
            if step == 1:
                return self._read(start, max(start, stop))
            return [self._read(place, place + 1)[0] for place in range(start, stop, step)]
        place = row.__index__()
        place += self._count if place < 0 else 0
        if not 0 <= place < self._count:
            raise IndexError(f"found row {row}, expected one of {self._count}")
        return self._read(place, place + 1)[0]

    def __iter__(self) -> Iterator[Value]:
        for start in range(0, self._count, _BLOCK):
            yield from self._read(start, min(start + _BLOCK, self._count))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._count} rows>"


class NameColumn(Column[str]):
    """The name of each row."""

    def __init__(self, folder: Path, commit: Commit) -> None:
        super().__init__(commit.rows)
        self._texts = Texts(folder, TEXTS, TEXT_ENDS, 2 * commit.rows, commit.text_bytes)

    def _read(self, start: int, stop: int) -> list[str]:
        runs = self._texts.read(2 * start, 2 * stop, 2)
        return [run.decode("utf-8", "surrogateescape") for run in runs]


class MetaColumn(Column["dict[str, Any] | None"]):
    """The JSON object of each row, or ``None``."""

    def __init__(self, folder: Path, commit: Commit) -> None:
        super().__init__(commit.rows)
        self._path = folder / TEXTS
        self._texts = Texts(folder, TEXTS, TEXT_ENDS, 2 * commit.rows, commit.text_bytes)

    def _read(self, start: int, stop: int) -> list[dict[str, Any] | None]:
        if start == stop:
            return []
        runs = self._texts.read(2 * start + 1, 2 * stop, 2)
        return [self._object(run, start + place) for place, run in enumerate(runs)]

    def _object(self, run: bytes, row: int) -> dict[str, Any] | None:
        if not run:
            return None
        try:
            value = json.loads(run)
        except (ValueError, RecursionError) as error:
            found = f"meta that is no JSON ({error})"
            raise StoreError(str(self._path), f"row {row}", found, "a JSON object") from error
        if not isinstance(value, dict):
            found = f"meta of type {type(value).__name__}"
            raise StoreError(str(self._path), f"row {row}", found, "a JSON object")
        return value


class LabelTable:
    """The number of each row's label, and the labels by number."""

    def __init__(self, folder: Path, commit: Commit) -> None:
        self._path = folder / LABEL_IDS
        self.ids: NDArray[np.int32] = mapped(self._path, "<i4", (commit.rows,))
        self.count = commit.labels
        self._texts = Texts(folder, LABELS, LABEL_ENDS, commit.labels, commit.label_bytes)

    def label(self, number: int, row: int) -> str | None:
        """Return the label with a number that stands in a row."""
        if not -1 <= number < self.count:
            expected = f"-1 to {self.count - 1}"
            raise StoreError(str(self._path), f"row {row}", f"label {number}", expected)
        if number < 0:
            return None
        return self._texts.read(number, number + 1)[0].decode("utf-8", "surrogateescape")

    def checked(self) -> NDArray[np.int32]:
        """Return the numbers of all rows, after a look that each has a label."""
        ids = self.ids
        if len(ids) and not (ids.min() >= -1 and ids.max() < self.count):
            row = int(np.argmax((ids < -1) | (ids >= self.count)))
            self.label(int(ids[row]), row)
        return ids

    def all(self) -> list[str]:
        """Return all labels in the order of their numbers."""
        runs = self._texts.read(0, self.count)
        return [run.decode("utf-8", "surrogateescape") for run in runs]


class LabelColumn(Column["str | None"]):
    """The label of each row, or ``None``."""

    def __init__(self, table: LabelTable) -> None:
        super().__init__(len(table.ids))
        self._table = table

    def _read(self, start: int, stop: int) -> list[str | None]:
        numbers = self._table.ids[start:stop].tolist()
        known: dict[int, str | None] = {}
        for place, number in enumerate(numbers):
            if number not in known:
                known[number] = self._table.label(number, start + place)
        return [known[number] for number in numbers]
