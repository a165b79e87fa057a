"""Another store in the place of one, at once: how rows are taken away for good.

The other is built beside it, complete and on the disk, and the two folders change places in one
step of the system. Where a file system cannot do that there are two steps; a crash between them
leaves no store under its name, and both beside it: opening says which one to rename.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import failed, opened, sync, sync_folder
from zqcnn_xp.gallery.store.layout import CHECKED, CHECKS, LOCK, LOG

__all__ = ["beside", "carry_over", "cleared", "cut_off", "deleted", "exchange", "leftovers"]

_OWN = {*CHECKED, CHECKS, LOCK, LOG}
_HERE = -100  # AT_FDCWD of Linux: paths are as they are given
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
# What systems say that know no exchange, or whose file system does not.
_UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def beside(folder: Path) -> Path:
    """Return a new name for what will take the place of a store, in the same folder."""
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield the folders that replacements of a store which were cut off have left beside it."""
    mine = re.compile(re.escape(f".{folder.name}.") + r"[0-9a-f]{8}\.(new|old)", re.DOTALL)
    try:
        entries = sorted(entry for entry in folder.parent.iterdir() if mine.fullmatch(entry.name))
    except OSError:  # a parent that may be passed, but not listed
        return
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield entry


def cleared(folder: Path) -> list[str]:
    """Take away what replacements that were cut off have left; the store's lock is held.

    Whoever replaces a store holds its lock, so that none of these is in use.
    """
    names = []
    for entry in leftovers(folder):
        deleted(entry)
        names.append(entry.name)
    return names


def cut_off(folder: Path) -> StoreError | None:
    """Say what to do where a store is missing since its replacement was cut off half way."""
    for entry in leftovers(folder):
        old = entry.with_name(f"{entry.name.removesuffix('.new')}.old")
        if entry.name.endswith(".new") and (old / LOG).is_file() and (entry / LOG).is_file():
            found = (
                f"a replacement that was cut off: {entry.name} is complete, {old.name} was before"
            )
            expected = f"one of them under the name {folder.name!r}: rename it"
            return StoreError(str(folder), "", found, expected)
    return None


def carry_over(folder: Path, fresh: Path) -> None:
    """Copy what lies in a store's folder beside its own files, such as the record of a network.

    Folder and files are then for the same people to read as those before: faces may be private.
    """
    try:
        for entry in folder.iterdir():
            if entry.name in _OWN:
                if (fresh / entry.name).exists():
                    _let_in(entry, fresh / entry.name)
            elif entry.is_dir() and not entry.is_symlink():
                shutil.copytree(entry, fresh / entry.name, symlinks=True)
            else:
                shutil.copy2(entry, fresh / entry.name, follow_symlinks=False)
        for where, _, names in os.walk(fresh):
            for path in (Path(where, name) for name in names if name not in _OWN):
                if not path.is_symlink():
                    with opened(path, "rb") as file:
                        sync(file, path)
        _let_in(folder, fresh)
    except OSError as error:
        raise failed(fresh, "", error, "a folder that can be written") from error


def _let_in(before: Path, path: Path) -> None:
    """Give a path the mode of another, and its owner where the system permits that."""
    wanted, found = before.stat(), path.stat()
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid):
        with suppress(OSError):
            os.chown(path, wanted.st_uid, wanted.st_gid)
    if wanted.st_mode != found.st_mode:
        path.chmod(S_IMODE(wanted.st_mode))


def exchange(folder: Path, fresh: Path) -> Path:
    """Let ``fresh`` take the place of ``folder``; returns where that is now, for `deleted`.

    Raises
    ------
    StoreError
        If the system refuses; ``folder`` is then as it was.
    """
    try:
        if _swapped(folder, fresh):
            return fresh
        old = fresh.with_suffix(".old")
        try:
            folder.rename(old)
            fresh.rename(folder)
        except BaseException:
            if old.exists() and not folder.exists():
                old.rename(folder)
            raise
    except OSError as error:
        raise failed(folder, "", error, "a folder that can be renamed") from error
    return old


def deleted(folder: Path) -> None:
    """Take away a folder that another store took the place of, once that is on the disk."""
    sync_folder(folder.parent)

    def failing(_call: object, _path: str, what: Any) -> None:
        if not isinstance(what[1], FileNotFoundError):  # the next writer takes it away, too
            raise what[1]

    try:
        shutil.rmtree(folder, onerror=failing)
    except OSError as error:
        raise failed(folder, "", error, "a folder of removed rows that can be deleted") from error
    sync_folder(folder.parent)


def _swapped(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where that is not known."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        call, args = getattr(library, "renamex_np", None), (*names, ctypes.c_uint(_EXCHANGE))
    else:
        here = ctypes.c_int(_HERE)
        call = getattr(library, "renameat2", None)
        args = (here, names[0], here, names[1], ctypes.c_uint(_EXCHANGE))
    if call is None:
        return False
    if call(*args) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(one))
