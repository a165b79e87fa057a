"""Files that are read back whole, unchanged and for what they were written for, or not at all.

Compiled code that is read from a file is executed. So a file counts only if nobody but its user
could have written it and its checksum holds.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import sha256
from struct import Struct

__all__ = ["PARTIAL", "distrust", "read_sealed", "remove", "write_sealed"]

_MAGIC = b"zqxp-obj"
_VERSION = 1
# Magic, version, bytes of payload, SHA-256 of seal and payload; little-endian.
_HEADER = Struct("<8sIQ32s")

# How the names of files that are being written end.
PARTIAL = ".part"

# The flags that a platform lacks are about what it does not have either. A pipe in the place of a
# file must not be waited for.
_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _COMMON
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON


def distrust(held: os.stat_result, *, folder: bool) -> str | None:
    """Say why code from a file or folder must not be executed, or None.

    It must belong to this user or to the superuser, who could do everything anyway, and nobody
    else may write to it. Where a platform has no such owners (Windows), only its kind counts.

    Parameters
    ----------
    held
        What the system says about it.
    folder
        Whether a folder is expected, or a regular file.
    """
    word = "folder" if folder else "file"
    if not (stat.S_ISDIR if folder else stat.S_ISREG)(held.st_mode):
        return f"found something else, expected a {word}"
    if not hasattr(os, "geteuid"):
        return None
    if held.st_uid not in (os.geteuid(), 0):
        return f"found a {word} of user {held.st_uid}, expected one of {os.geteuid()}"
    if held.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(held.st_mode)
        return f"found a {word} of mode {mode:04o}, expected one that others cannot write to"
    return None


def read_sealed(path: str, seal: bytes) -> tuple[bytes, float] | None:
    """Return a file's payload and its time of modification, or None.

    None stands for a file that is absent, cannot be read, is not to be trusted, or is not as it
    was written with this seal; the last is removed.

    Parameters
    ----------
    path
        The file. A symbolic link is not followed.
    seal
        Bytes that the file was written with: another file under its name is found out.
    """
    try:
        file = os.open(path, _READ)
    except OSError:
        return None
    try:
        # Of the open file, not of its name, which may be another file's a moment later.
        held = os.fstat(file)
        if distrust(held, folder=False) is not None:
            return None
        data = _checked(file, held.st_size, seal)
    except OSError:
        return None
    finally:
        os.close(file)
    if data is None:
        remove(path)
        return None
    return data, held.st_mtime


def write_sealed(path: str, seal: bytes, data: bytes) -> int:
    """Write a file, readable by its owner alone, that gets its name when it is whole.

    It is not forced to the disk: after a power failure the checksum finds what is missing.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left then.
    """
    checksum = sha256(seal + data).digest()
    content = _HEADER.pack(_MAGIC, _VERSION, len(data), checksum) + data
    part = f"{path}.{os.urandom(8).hex()}{PARTIAL}"
    file = os.open(part, _WRITE, 0o600)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
        finally:
            os.close(file)
        os.replace(part, path)  # noqa: PTH105 (a Path takes longer to make than this takes)
    except BaseException:
        remove(part)
        raise
    return len(content)


def remove(path: str) -> None:
    """Remove a file if that is possible; another process may have been quicker."""
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108


def _checked(file: int, size: int, seal: bytes) -> bytes | None:
    """Read an open file's payload; None unless every byte is as it was written."""
    header = os.read(file, _HEADER.size)
    if len(header) != _HEADER.size:
        return None
    magic, version, length, checksum = _HEADER.unpack(header)
    # Compared before memory is taken: a damaged length may be anything.
    if (magic, version, length) != (_MAGIC, _VERSION, size - _HEADER.size):
        return None
    parts, left = [], length
    while left and (part := os.read(file, left)):
        parts.append(part)
        left -= len(part)
    data = b"".join(parts)
    return data if sha256(seal + data).digest() == checksum else None
