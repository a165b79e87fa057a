"""Making a store, and finding the commit up to which it counts."""

from __future__ import annotations

import secrets
from pathlib import Path

from filelock import FileLock

from zqcnn_xp.errors import InputError, StoreError
from zqcnn_xp.gallery.store.disk import failed, opened, size_of, sync, sync_folder, write
from zqcnn_xp.gallery.store.layout import (
    CHECKED,
    CHECKS,
    DTYPES,
    LOCK,
    LOG,
    MAX_DIM,
    Commit,
)
from zqcnn_xp.gallery.store.log import gone, last_commit, missing, salvaged
from zqcnn_xp.gallery.store.replacing import cut_off
from zqcnn_xp.gallery.store.writer import lock_of

__all__ = ["created", "located", "refreshed"]

_NEW_LOG = "log.new"


def created(folder: Path, dim: int, dtype: str) -> tuple[FileLock, Commit]:
    """Make an empty store; returns its lock, held, and its first commit."""
    if isinstance(dim, bool) or not isinstance(dim, int) or not 0 < dim <= MAX_DIM:
        raise InputError(f"found dim {dim!r}, expected 1 to {MAX_DIM}")
    if dtype not in DTYPES.values():
        raise InputError(f"found dtype {dtype!r}, expected one of {', '.join(DTYPES.values())}")
    commit = Commit(secrets.token_bytes(16), dim, dtype)
    if "\0" in str(folder):
        raise InputError(f"found the path {str(folder)!r}, expected one without a NUL")
    # What lies beside an empty store would be taken for its leftovers.
    if size_of(folder / LOG) == 0 and (half_way := cut_off(folder.absolute())):
        raise half_way
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_free(folder)
    except OSError as error:
        raise failed(folder, "", error, "a folder that can be made") from error
    lock = lock_of(folder)
    try:
        _check_free(folder)  # another process may have made one just now
        for name in commit.files:
            _fresh(folder / name, b"")
        # The log comes last and under its name when it is whole: without it there is no store.
        _fresh(folder / _NEW_LOG, commit.packed())
        try:
            (folder / _NEW_LOG).replace(folder / LOG)
        except OSError as error:
            raise failed(folder / LOG, "", error, "a folder that can be written") from error
        sync_folder(folder)
        sync_folder(folder.parent)
    except BaseException:
        lock.release()
        raise
    return lock, commit


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds anything but what a cut-off creation leaves."""
    leftovers = {*CHECKED, CHECKS, LOCK, _NEW_LOG}
    for entry in folder.iterdir():
        if entry.name == LOG:
            raise StoreError(str(folder), "", "a feature store", "a folder without one")
        if entry.name not in leftovers:
            found = f"a folder that holds {entry.name!r}"
            raise StoreError(str(folder), "", found, "one that is empty or not there")


def _fresh(path: Path, data: bytes) -> None:
    with opened(path, "wb") as file:
        write(file, path, 0, data)
        sync(file, path)


def located(folder: Path, *, recover: bool = False) -> Commit:
    """Return the last commit of a store.

    Raises
    ------
    StoreError
        If there is no store or it is damaged, without ``recover``; if nothing is left, with it.
    """
    try:
        there = (folder / LOG).is_file()
        known = folder.is_dir()
    except OSError as error:
        raise failed(folder, "", error, "a feature store") from error
    if not there:
        if not known and (half_way := cut_off(folder.absolute())):
            raise half_way
        found = "no log in this folder" if known else "no such folder"
        raise StoreError(str(folder), "", found, "a feature store")
    if recover:
        commit = salvaged(folder)
        if commit is None:
            found = "no record of which every byte is there"
            raise StoreError(str(folder / LOG), "", found, "one at least")
        return commit
    while True:
        scan = last_commit(folder)
        damage = scan.damage
        if damage is None and scan.commit is None:
            found = f"{scan.torn} bytes without a whole record"
            raise StoreError(str(folder / LOG), "", found, "one at least")
        if damage is None and scan.commit is not None:
            damage = missing(folder, scan.commit)
            if damage is None:
                return scan.commit
        # Another store may have taken its place between the log and the files.
        if scan.commit is None or not gone(folder, scan.commit):
            raise _with_hint(folder, damage)


def _with_hint(folder: Path, damage: StoreError | None) -> StoreError:
    """Add to an error how much of the store can be read all the same."""
    assert damage is not None  # noqa: S101 - for the type checker
    commit = salvaged(folder)
    left = "no row can be read" if commit is None else f"{commit.rows} rows open with recover=True"
    return StoreError(damage.file, damage.where, damage.found, f"{damage.expected} ({left})")


def refreshed(folder: Path, known: Commit) -> Commit:
    """Return the last commit now, of a store whose earlier commit is known."""
    scan = last_commit(folder, known)
    damage = scan.damage
    if damage is None and scan.commit is not None:
        damage = missing(folder, scan.commit)
        if damage is None:
            return scan.commit
    raise gone(folder, known) or _with_hint(folder, damage)
