"""Where model files lie: in a package that brings them, or in a folder of the user's cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from zqcnn_xp.errors import ConfigError
from zqcnn_xp.folders import cache_folder
from zqcnn_xp_models.card import Card, CardFile

__all__ = ["Cache", "read_checked"]

_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Cache:
    """A folder of model files, and how what is missing in it may be fetched.

    Parameters
    ----------
    root
        The folder; it is made when the first file is fetched.
    offline
        Never use the network; a mirror that is a folder still serves.
    mirror
        A folder or an ``http(s)://`` address that is asked before the cards' own addresses.
    accepted
        Names of models whose non-commercial licence is accepted; ``"*"`` stands for all.

    Examples
    --------
    >>> Cache.configured(root="models", offline=True).offline
    True
    """

    root: Path
    offline: bool = False
    mirror: str = ""
    accepted: frozenset[str] = frozenset()

    @classmethod
    def configured(
        cls,
        root: str | os.PathLike[str] | None = None,
        *,
        offline: bool | None = None,
        mirror: str | None = None,
        accepted: frozenset[str] | None = None,
    ) -> Cache:
        """Fill in what is None from the environment.

        ``ZQCNN_XP_CACHE_DIR`` names a folder, in which models lie below ``models``; without it
        that is the platform's cache folder of the user. ``ZQCNN_XP_OFFLINE`` is true or false,
        ``ZQCNN_XP_MIRROR`` a folder or an address, ``ZQCNN_XP_ACCEPT_LICENCE`` true, or names of
        models separated by commas.

        Raises
        ------
        ConfigError
            A variable has a value that means nothing.
        """
        if root is None:
            root = cache_folder("models")
        if offline is None:
            text = os.environ.get("ZQCNN_XP_OFFLINE", "")
            if text.lower() not in _WORDS:
                raise ConfigError(f"ZQCNN_XP_OFFLINE: found {text!r}, expected true or false")
            offline = _WORDS[text.lower()]
        if mirror is None:
            mirror = os.environ.get("ZQCNN_XP_MIRROR", "")
        if accepted is None:
            text = os.environ.get("ZQCNN_XP_ACCEPT_LICENCE", "")
            if text.lower() in _WORDS:
                accepted = frozenset("*") if _WORDS[text.lower()] else frozenset()
            else:
                accepted = frozenset(name.strip() for name in text.split(",") if name.strip())
        return cls(Path(root), offline, mirror, accepted)

    def folder(self, card: Card) -> Path:
        """Return the folder of a model.

        It is named after the content too, so that two versions of a card never share files.
        """
        both = sha256("".join(file.sha256 for file in card.files).encode()).hexdigest()
        return self.root / f"{card.name}-{both[:8]}"

    def path(self, card: Card, file: CardFile) -> Path:
        """Return where a fetched file goes, whether it is there or not."""
        return self.folder(card) / file.name

    def places(self, card: Card, file: CardFile) -> list[Path]:
        """Return where a file is, the package's first; empty where it is nowhere."""
        package = card.folder
        paths = [self.path(card, file)] if package is None else [package / file.path]
        if package is not None:
            paths.append(self.path(card, file))
        return [path for path in paths if path.is_file()]

    def find(self, card: Card, file: CardFile) -> Path | None:
        """Return where an unchanged copy of a file is, or None."""
        right = (path for path in self.places(card, file) if read_checked(path, file) is not None)
        return next(right, None)

    def locate(self, card: Card, file: CardFile) -> Path | None:
        """Return where a file is, unchanged if there is such a one, or None."""
        return self.find(card, file) or next(iter(self.places(card, file)), None)

    def state(self, card: Card, file: CardFile) -> str:
        """Say whether a file is ``"present"``, ``"missing"`` or ``"changed"``."""
        if not self.places(card, file):
            return "missing"
        return "changed" if self.find(card, file) is None else "present"

    def read(self, card: Card, file: CardFile) -> bytes | None:
        """Return the content of a file, or None where no unchanged copy is here."""
        contents = (read_checked(path, file) for path in self.places(card, file))
        return next((data for data in contents if data is not None), None)


def read_checked(path: Path, file: CardFile) -> bytes | None:
    """Return a file's content if its size and SHA-256 are the card's, else None.

    At most one byte more than the card says is read. What cannot be read is not there.
    """
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != file.size:
                return None
            data = _bounded(stream, file.size)
    except OSError:
        return None
    return data if sha256(data).hexdigest() == file.sha256 else None


def _bounded(stream: BinaryIO, size: int) -> bytes:
    parts = []
    left = size + 1
    while left and (part := stream.read(min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
