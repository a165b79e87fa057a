"""Copies of model files elsewhere: a folder, or a server that has them under one of four names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from zqcnn_xp.errors import ConfigError
from zqcnn_xp_models.cache import read_checked
from zqcnn_xp_models.card import Card, CardFile

__all__ = ["find_in_folder", "is_address", "mirror_folder", "mirror_urls"]

MOST_ENTRIES = 200_000


def is_address(mirror: str) -> bool:
    """Say whether a mirror is a server rather than a folder.

    Examples
    --------
    >>> is_address("https://models.example/zqcnn"), is_address("/srv/models")
    (True, False)
    """
    return mirror.lower().startswith(("http://", "https://"))


def mirror_folder(mirror: str) -> Path:
    """Return the folder that a mirror names, as a path or as ``file://``.

    Raises
    ------
    ConfigError
        There is no such folder, or it is an address of another kind.
    """
    parts = urlsplit(mirror)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(mirror).expanduser()
    if "://" in mirror and parts.scheme != "file":
        raise ConfigError(f"mirror {mirror!r}: expected a folder, or http:// or https://")
    if not path.is_dir():
        raise ConfigError(f"mirror {mirror!r}: no such folder")
    return path


def mirror_urls(mirror: str, card: Card, file: CardFile) -> Iterator[str]:
    """Yield the addresses at which a server may have a file, the surest first.

    These are its SHA-256, the path of its own address, the model's name and the file's, and the
    file's name alone, each below the mirror's address.
    """
    base = mirror.rstrip("/")
    yield f"{base}/{file.sha256}"
    if file.url:
        yield base + urlsplit(file.url).path
    yield f"{base}/{quote(card.name)}/{quote(file.name)}"
    yield f"{base}/{quote(file.name)}"


def find_in_folder(folder: Path, card: Card, file: CardFile) -> Path | None:
    """Return a file with the card's SHA-256 in a folder or below it, or None.

    Its name does not matter, but files that are named after the SHA-256 or as in the card are
    looked at first, and only files of the right size are read.
    """
    right: list[Path] = []
    for count, path in enumerate(_walk(folder)):
        if count >= MOST_ENTRIES:
            break
        try:
            if path.stat().st_size == file.size and path.is_file():
                right.append(path)
        except OSError:
            continue
    names = {file.sha256: 0, file.name: 1}
    right.sort(key=lambda path: (names.get(path.name, 2), path.parent.name != card.name, str(path)))
    return next((path for path in right if read_checked(path, file) is not None), None)


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(root) / name for name in names)
