"""Where the images of a set are: below a folder, or in a zip archive that is read as it lies."""

from __future__ import annotations

import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.vision.io import IMAGE_SUFFIXES

__all__ = ["Images", "open_images", "without_suffix"]

_MAX_BYTES = 64 << 20
"""Bytes of one image of an archive, inflated."""
_MAX_MEMBERS = 10_000_000


class Images(ABC):
    """Images by name; a name is a path with ``/``, and another image suffix will do too.

    Use as a context manager.
    """

    name: str

    @abstractmethod
    def find(self, name: str) -> str | None:
        """Return where an image is, or None where it is not."""

    @abstractmethod
    def read(self, place: str) -> bytes | Path:
        """Return what `find` found, as something to decode."""

    def available(self, names: Sequence[str]) -> list[str]:
        """Return those of the names that are there."""
        return [name for name in names if self.find(name) is not None]

    def __enter__(self) -> Images:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - a folder holds nothing open
        """Close what is open."""


class _Folder(Images):
    """Images below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def find(self, name: str) -> str | None:
        stem = without_suffix(name)
        for other in (name, *(stem + suffix for suffix in IMAGE_SUFFIXES)):
            path = self.root / other
            if path.is_file():
                return str(path)
        return None

    def read(self, place: str) -> bytes | Path:
        return Path(place)


class _Archive(Images):
    """Images in a zip archive. Nothing is unpacked: member names are only compared."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError:
            raise
        except Exception as error:  # BadZipFile, and what a damaged directory leaks
            raise self._refused("", error) from error
        members = self._zip.infolist()
        if len(members) > _MAX_MEMBERS:
            self._zip.close()
            raise DatasetError(self.name, "", f"{len(members):,} files", f"{_MAX_MEMBERS:,}")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            # Some writers on Windows have backslashes; macOS adds a folder of its own files.
            name = member.filename.replace("\\", "/")
            if not name.startswith("__MACOSX/"):
                self._members.setdefault(name, member)
        self._stems = {
            without_suffix(name): name for name in self._members if without_suffix(name) != name
        }
        # Archives of a folder have its name before all others, or several.
        self._prefixes = _common_folders(list(self._stems))

    def _refused(self, place: str, error: Exception) -> DatasetError:
        reason = f"{type(error).__name__}: {error}"[:200]
        return DatasetError(self.name, place, f"a damaged archive ({reason})", "a zip archive")

    def find(self, name: str) -> str | None:
        for start in self._prefixes:
            if start + name in self._members:
                return start + name
            stem = without_suffix(start + name)
            if stem in self._stems:
                return self._stems[stem]
        return None

    def read(self, place: str) -> bytes | Path:
        member = self._members[place]
        if member.file_size > _MAX_BYTES:
            size = f"{member.file_size:,} bytes"
            raise DatasetError(self.name, place, size, f"at most {_MAX_BYTES:,}")
        try:
            with self._zip.open(member) as file:
                data = file.read(_MAX_BYTES + 1)
        except Exception as error:  # zlib.error, EOFError, RuntimeError (a password) ... leak
            raise self._refused(place, error) from error
        if len(data) > _MAX_BYTES:
            raise DatasetError(self.name, place, "more bytes", f"at most {_MAX_BYTES:,}")
        return data

    def close(self) -> None:
        self._zip.close()


def _common_folders(names: list[str]) -> list[str]:
    """Return the folders that all names lie in, from none to the deepest, each with its ``/``.

    Examples
    --------
    >>> _common_folders(["a/b/Ann/1", "a/b/Bob/1"]), _common_folders(["Ann/1", "Bob/1"])
    (['', 'a/', 'a/b/'], [''])
    """
    # What all have in common, the first and the last of their order have.
    ends = [name.split("/")[:-1] for name in (min(names, default=""), max(names, default=""))]
    found = [""]
    for one, other in zip(*ends, strict=False):
        if one != other:
            break
        found.append(f"{found[-1]}{one}/")
    return found


def without_suffix(name: str) -> str:
    """Return a name without an image's suffix; another ending is part of the name.

    Examples
    --------
    >>> without_suffix("Ann/Ann_0001.jpg"), without_suffix("Ann/1.2")
    ('Ann/Ann_0001', 'Ann/1.2')
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - names are no paths of this machine
    return stem if suffix.lower() in IMAGE_SUFFIXES else name


def open_images(path: str | os.PathLike[str]) -> Images:
    """Open a folder or a zip archive of images.

    Parameters
    ----------
    path
        The folder, or a file that ends in ``.zip``. Folders in which all of an archive's images lie
        may be left out of names.

    Raises
    ------
    DatasetError
        A damaged archive.
    InputError
        Neither a folder nor an archive.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> with open_images(".") as images:
    ...     images.find("no_such/image.jpg")
    """
    place = Path(path)
    if place.is_dir():
        return _Folder(place)
    if place.suffix.lower() == ".zip":
        return _Archive(place)
    found = "a file of another kind" if place.exists() else "nothing there"
    raise InputError(f"{place}: found {found}, expected a folder or a .zip archive of images")
