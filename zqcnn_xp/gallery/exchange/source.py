"""A file of features that is read batch by batch, and reading that checks before it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.layout import MAX_DIM

__all__ = ["Bounded", "FeatureSource", "block_rows", "checked_dim", "finite", "names_of"]

MAX_LINE = 1 << 16
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class FeatureSource:
    """Features of a file, not read yet.

    Parameters
    ----------
    name
        The file, for messages.
    dim
        Values of a feature.
    batches
        The rows, once, a few megabytes at a time. What is wrong in the file comes as a
        `DatasetError` when it is reached.
    """

    name: str
    dim: int
    batches: Iterable[Batch]


def block_rows(dim: int) -> int:
    """Return how many rows of ``dim`` values are read at a time.

    Examples
    --------
    >>> block_rows(128), block_rows(1 << 16)
    (4096, 16)
    """
    return max(1, min(4096, _BLOCK_BYTES // (4 * dim)))


class Bounded:
    """Reads a file forwards; what is asked for must be there, or nothing is taken.

    Parameters
    ----------
    file, path
        The open file, and its name for messages.
    """

    def __init__(self, file: BufferedReader, path: Path) -> None:
        self._file = file
        self.name = str(path)
        self.at = 0
        self.size = path.stat().st_size

    @property
    def left(self) -> int:
        """Bytes that remain."""
        return self.size - self.at

    def need(self, size: int, what: str) -> None:
        """Raise `DatasetError` unless ``size`` bytes remain."""
        if size > self.left:
            found = f"{self.left} bytes that remain"
            raise DatasetError(self.name, f"byte {self.at}", found, f"{size} for {what}")

    def take(self, size: int, what: str) -> bytes:
        """Read ``size`` bytes."""
        self.need(size, what)
        data = self._file.read(size)
        if len(data) != size:  # somebody is shortening the file
            raise DatasetError(self.name, f"byte {self.at}", f"{len(data)} bytes", f"{size}")
        self.at += size
        return data

    def int32(self, low: int, high: int, what: str) -> int:
        """Read a signed 32-bit integer that must be within bounds, both included."""
        place = self.at
        value = int.from_bytes(self.take(4, what), "little", signed=True)
        if not low <= value <= high:
            expected = f"{low} to {high}"
            raise DatasetError(self.name, f"byte {place}", f"{value} as {what}", expected)
        return value

    def floats(self, out: NDArray[np.float32], what: str) -> None:
        """Fill an array with float32 values, which must be finite."""
        place = self.at
        data = self.take(4 * out.size, what)
        out[...] = np.frombuffer(data, "<f4").reshape(out.shape)
        finite(out, self.name, place, 4)

    def end(self) -> None:
        """Raise `DatasetError` if anything remains."""
        if self.left:
            found = f"{self.left} bytes after the last feature"
            raise DatasetError(self.name, f"byte {self.at}", found, "none")


def finite(values: NDArray[Any], name: str, start: int, width: int) -> None:
    """Raise `DatasetError` for a value that is no finite number, with its byte.

    Parameters
    ----------
    values
        What stands in the file from byte ``start`` on, ``width`` bytes each.
    name
        The file.
    start, width
        Where, and how far apart.
    """
    good = np.isfinite(values)
    if not good.all():
        place = int(np.argmin(good))
        where = f"byte {start + width * place}"
        found = f"the value {values.reshape(-1)[place]}"
        raise DatasetError(name, where, found, "a finite number that float32 holds")


def checked_dim(dim: int, name: str, where: str) -> int:
    """Return the length of a feature if it is a possible one."""
    if not 0 < dim <= MAX_DIM:
        raise DatasetError(name, where, f"{dim} values of a feature", f"1 to {MAX_DIM}")
    return dim


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text without their ends; bytes that are no UTF-8 stay as they are."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 2):
            number += 1
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            if len(line) > MAX_LINE:
                found = f"more than {MAX_LINE} bytes"
                raise DatasetError(str(path), f"line {number}", found, "a name")
            yield line.decode("utf-8", "surrogateescape")


def names_of(path: Path | None, count: int, what: str) -> Iterator[str]:
    """Yield ``count`` names: the lines of a text, or numbers where there is none.

    Raises
    ------
    DatasetError
        If the file has fewer lines, or more; ``what`` says what has a name each.
    """
    if path is None:
        yield from (str(number) for number in range(count))
        return
    lines = 0
    for line in read_lines(path):
        lines += 1
        if lines > count:
            break
        yield line
    if lines != count:
        found = f"more than {count} lines" if lines > count else f"{lines} lines"
        raise DatasetError(str(path), f"line {lines}", found, f"{count}, one for each {what}")
