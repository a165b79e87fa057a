"""Bytes to the disk and from it, with errors that name the file and say what failed."""

from __future__ import annotations

import errno
import mmap
import os
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import StoreError

__all__ = [
    "cut",
    "failed",
    "mapped",
    "opened",
    "read_at",
    "size_of",
    "sync",
    "sync_folder",
    "write",
]


# What file systems say (some of a network, or of FUSE) whose folders have no sync.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def failed(path: Path, where: str, error: OSError, expected: str) -> StoreError:
    """Return a `StoreError` for what the system refused, ``error`` in words."""
    reason = (error.strerror or str(error)).lower()
    return StoreError(str(path), where, f"{reason!r}", expected)


def opened(path: Path, mode: str) -> FileIO:
    """Open a file without a buffer: ``"rb"``, ``"r+b"`` or ``"xb"``."""
    try:
        return FileIO(path, mode)
    except OSError as error:
        raise failed(path, "", error, "a file of a feature store") from error


def write(file: FileIO, path: Path, offset: int, data: bytes | memoryview) -> None:
    """Write all of ``data`` at a byte offset."""
    view = memoryview(data).cast("B")
    done = 0
    try:
        file.seek(offset)
        while done < len(view):
            done += file.write(view[done:]) or 0
    except OSError as error:
        where = f"byte {offset + done}"
        raise failed(path, where, error, f"room for {len(view) - done} bytes") from error


def sync(file: FileIO, path: Path) -> None:
    """Return when what was written to a file is on the disk itself."""
    try:
        _sync(file.fileno())
    except OSError as error:
        raise failed(path, "", error, "a disk that keeps what was written") from error


def _sync(number: int) -> None:
    try:
        import fcntl

        # On macOS fsync leaves the bytes in the cache of the disk.
        full = getattr(fcntl, "F_FULLFSYNC", None)
    except ImportError:
        full = None
    if full is None:
        os.fsync(number)
    else:
        fcntl.fcntl(number, full)


def sync_folder(folder: Path) -> None:
    """Return when the names of a folder are on the disk; nothing where folders have no sync."""
    if os.name != "posix":
        return
    try:
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise failed(folder, "", error, "a disk that keeps what was written") from error


def cut(file: FileIO, path: Path, size: int) -> None:
    """Shorten a file to ``size`` bytes."""
    try:
        file.truncate(size)
    except OSError as error:
        raise failed(path, f"byte {size}", error, "a file that can be shortened") from error


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise failed(path, "", error, "a file of a feature store") from error


def read_at(file: FileIO, path: Path, offset: int, size: int) -> bytes:
    """Read up to ``size`` bytes at an offset; fewer only at the end of the file."""
    parts: list[bytes] = []
    try:
        file.seek(offset)
        while size > 0:
            part = file.read(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
    except OSError as error:
        raise failed(path, f"byte {offset}", error, "a file that can be read") from error
    return b"".join(parts)


def mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map the beginning of a file as an array that cannot be written.

    A plain array rather than `numpy.memmap`, whose every slice is a memmap again and costs several
    times as much to make. The mapping ends when the last view of it is gone.

    Raises
    ------
    StoreError
        If the file is shorter: touching what is missing would end the process.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=object)) * kind.itemsize
    if size == 0:
        return np.empty(shape, kind)
    with opened(path, "rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found < size:
            raise StoreError(str(path), f"byte {found}", f"{found} bytes", f"{size} at least")
        try:
            memory = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            problem = error if isinstance(error, OSError) else OSError(str(error))
            raise failed(path, "", problem, "a file that can be mapped") from error
    return np.frombuffer(memory, kind).reshape(shape)
