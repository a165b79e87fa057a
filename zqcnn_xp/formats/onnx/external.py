"""Tensors kept outside the model file: only from the model's own folder, never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from zqcnn_xp.errors import FormatError

__all__ = ["ExternalData"]


class ExternalData:
    """Reads external data for one model.

    Parameters
    ----------
    file
        Name of the model file, for messages.
    folder
        Folder of the model file; None where the model came as bytes or as a stream, which
        then may not have external data.
    """

    def __init__(self, file: str, folder: Path | None) -> None:
        self.file = file
        self.folder = folder

    def read(self, where: str, entries: Mapping[str, str], size: int) -> bytes:
        """Return the ``size`` bytes that the entries (location, offset, length) name.

        Raises
        ------
        FormatError
            If the location leaves the model's folder, is a link or no plain file, or if it
            does not hold that many bytes.
        """
        path = self._locate(where, entries.get("location", ""))
        offset = self._number(where, "offset", entries.get("offset", "0"))
        length = self._number(where, "length", entries.get("length", str(size)))
        if length != size:
            raise FormatError(self.file, where, f"an external length of {length}", f"{size} bytes")
        # O_NOFOLLOW closes the gap between the check of the path and its use.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(path, flags), "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise FormatError(self.file, where, f"{path.name!r}", "a plain file")
                if offset + size > status.st_size:
                    found = f"an external file of {status.st_size} bytes"
                    raise FormatError(self.file, where, found, f"{offset + size} or more")
                stream.seek(offset)
                raw = stream.read(size)
        except OSError as error:
            found = f"external data {path.name!r} that cannot be read ({error.strerror})"
            raise FormatError(self.file, where, found, "a readable file") from error
        if len(raw) != size:
            raise FormatError(self.file, where, f"{len(raw)} external bytes", f"{size}")
        return raw

    def _locate(self, where: str, location: str) -> Path:
        if self.folder is None:
            expected = "none, or a model given as a path"
            raise FormatError(self.file, where, "external data", expected)
        inside = f"external data {location[:200]!r}"
        expected = "a plain file inside the model's folder"
        if not location or "\0" in location or "\\" in location:
            raise FormatError(self.file, where, inside, expected)
        folder = self.folder.resolve()
        path = folder / location
        resolved = path.resolve()
        # The path as written must be its own canonical form: no "..", no link on the way.
        if resolved != Path(os.path.normpath(path)) or not resolved.is_relative_to(folder):
            raise FormatError(self.file, where, inside, expected)
        return resolved

    def _number(self, where: str, key: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise FormatError(self.file, where, f"external {key} {text[:40]!r}", "a count of bytes")
        return int(text)
