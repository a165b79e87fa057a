"""Bytes of a data set's file, bounded, with the errors of data sets."""

from __future__ import annotations

import os
from pathlib import Path

from zqcnn_xp.errors import DatasetError, FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import ModelSource, Source, read_source

__all__ = ["MAX_FILE", "MAX_LINES", "MAX_TEXT", "read_dataset", "read_lines"]

MAX_FILE = 2 << 30
"""Bytes of one binary file: the largest verification sets in use have a tenth of that."""
MAX_TEXT = 256 << 20
"""Bytes of one text file: twenty times the longest list of pairs in use."""

MAX_LINES = 5_000_000
"""Lines of one text file, each of which becomes objects."""


def read_dataset(source: ModelSource, limit: int = MAX_FILE) -> Source:
    r"""Read all bytes of a path, a binary file object or a bytes-like object.

    Raises
    ------
    DatasetError
        If there are more than ``limit`` bytes, or the path is a folder's.
    OSError
        If a path cannot be read.
    InputError
        If ``source`` is none of the three kinds.

    Examples
    --------
    >>> read_dataset(b"10\t300")
    Source(name='<bytes>', data=b'10\t300')
    """
    if isinstance(source, (str, os.PathLike)) and Path(source).is_dir():
        raise DatasetError(str(source), "", "a folder", "a file")
    try:
        return read_source(source, Limits(max_file=limit))
    except FormatError as error:
        raise DatasetError(
            error.file, error.where, error.found, f"at most {limit:,} bytes"
        ) from None


def read_lines(source: ModelSource, limit: int = MAX_TEXT) -> tuple[str, list[str]]:
    r"""Read a text file: its name, and its lines without their ends.

    Raises
    ------
    DatasetError
        If there are more than ``limit`` bytes or `MAX_LINES` lines, or bytes that are no UTF-8.
    OSError, InputError
        As `read_dataset`.

    Examples
    --------
    >>> read_lines(b"a 1 2\r\nb 1 3\n")
    ('<bytes>', ['a 1 2', 'b 1 3'])
    """
    found = read_dataset(source, limit)
    try:
        text = found.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.data.count(b"\n", 0, error.start) + 1
        bad = f"the byte 0x{found.data[error.start]:02x}"
        raise DatasetError(found.name, f"line {line}", bad, "UTF-8 text") from None
    # Not splitlines: names may hold what Unicode calls a line's end.
    count = text.count("\n") + 1
    if count > MAX_LINES:
        raise DatasetError(found.name, "", f"{count:,} lines", f"at most {MAX_LINES:,}")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    return found.name, lines
