"""Bytes of a model from wherever they lie: a path, an open file, or memory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats.limits import Limits

__all__ = ["HEAD", "ModelSource", "Source", "peek", "read_source"]

ModelSource: TypeAlias = Any
"""A path (``str``, ``os.PathLike``), a binary file object, or ``bytes``-like data."""

HEAD = 4096
"""Bytes that a reader sees when it is asked whether a file is its own."""


@dataclass(frozen=True)
class Source:
    """The bytes of one file, and the name to give in messages."""

    name: str
    data: bytes


def read_source(source: ModelSource, limits: Limits | None = None) -> Source:
    """Read all bytes of a path, a binary file object or a bytes-like object.

    Parameters
    ----------
    source
        Where the bytes are; a file object is read from where it stands and left open.
    limits
        ``max_file`` bounds the size, before anything is read where the size is known.

    Returns
    -------
    Source
        Name and bytes.

    Raises
    ------
    FormatError
        If there are more bytes than ``limits.max_file``.
    InputError
        If ``source`` is none of the three kinds, or a text file.
    OSError
        If a path cannot be read.

    Examples
    --------
    >>> read_source(b"Input name=data").name
    '<bytes>'
    """
    bound = (limits or Limits()).max_file
    if isinstance(source, (bytes, bytearray, memoryview)):
        size = memoryview(source).nbytes
        if size > bound:
            raise _too_long("<bytes>", size, bound)
        return Source("<bytes>", bytes(source))
    if isinstance(source, (str, os.PathLike)):
        path = _path(source)
        size = path.stat().st_size
        if size > bound:
            raise _too_long(path.name, size, bound)
        with path.open("rb") as file:
            return _drain(file.read, path.name, bound)
    return _drain(_reader(source), name_of(source), bound)


def peek(source: ModelSource) -> tuple[bytes, str | None, ModelSource]:
    """Look at the first bytes without using them up.

    Returns
    -------
    head, filename, source
        At most `HEAD` bytes, the file's name where there is one, and what to read from
        afterwards: ``source`` itself, or the bytes of a stream that cannot be wound back.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(memoryview(source)[:HEAD]), None, source
    if isinstance(source, (str, os.PathLike)):
        path = _path(source)
        with path.open("rb") as file:
            return file.read(HEAD), path.name, source
    read, name = _reader(source), name_of(source)
    filename = None if name == "<file>" else name
    if getattr(source, "seekable", lambda: False)():
        start = source.tell()
        head = _binary(read(HEAD), name)
        source.seek(start)
        return head, filename, source
    whole = io.BytesIO(_drain(read, name, Limits().max_file).data)
    if filename is not None:
        whole.name = filename
    return whole.getvalue()[:HEAD], filename, whole


def name_of(source: ModelSource) -> str:
    """Return the name that messages use for a source: a file's last part, or its kind."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "<bytes>"
    if isinstance(source, (str, os.PathLike)):
        return _path(source).name
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) and name else "<file>"


def _path(source: str | os.PathLike[str]) -> Path:
    path = Path(os.fspath(source))
    if path.is_dir():
        msg = f"found the folder {str(path)!r}, expected a model file"
        raise InputError(msg)
    return path


def _reader(source: Any) -> Callable[[int], Any]:
    read = getattr(source, "read", None)
    if not callable(read):
        msg = f"found {type(source).__name__}, expected a path, a binary file object or bytes"
        raise InputError(msg)
    result: Callable[[int], Any] = read
    return result


def _drain(read: Callable[[int], Any], name: str, bound: int) -> Source:
    # A read may return less than asked for (pipes, sockets); one byte too many is the proof
    # that a stream of unknown length is too long.
    parts: list[bytes] = []
    total = 0
    while total <= bound:
        part = _binary(read(min(1 << 24, bound + 1 - total)), name)
        if not part:
            break
        parts.append(part)
        total += len(part)
    if total > bound:
        raise _too_long(name, total, bound)
    return Source(name, b"".join(parts))


def _binary(part: Any, name: str) -> bytes:
    if not isinstance(part, (bytes, bytearray, memoryview)):
        msg = f"{name}: found a file opened as text, expected one opened with mode 'rb'"
        raise InputError(msg)
    return bytes(part)


def _too_long(name: str, size: int, bound: int) -> FormatError:
    found = f"at least {size:,} bytes"
    return FormatError(name, "", found, f"at most {bound:,} (Limits.max_file)")
