"""Files in and out: which images an argument means, and writing without half files."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EISDIR
from pathlib import Path
from typing import BinaryIO

from zqcnn_xp.vision.io import IMAGE_SUFFIXES

__all__ = ["STDIN", "Source", "expand", "writing"]

STDIN = "-"


@dataclass(frozen=True)
class Source:
    """One image to read.

    Parameters
    ----------
    path
        As the user would write it; ``"-"`` is standard input.
    relative
        Where a result of it goes below an output folder.
    error
        Why there is nothing to read, or empty.
    """

    path: str
    relative: Path
    error: str = ""


def _folder(folder: Path, recursive: bool) -> list[Source]:
    """List the images of a folder by name; links to folders are not followed."""
    found: list[Source] = []
    errors: list[Source] = []

    def refuse(error: OSError) -> None:
        path = str(error.filename or folder)
        errors.append(Source(path, Path(folder.name), f"{path}: cannot be read: {error.strerror}"))

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.suffix.lower() in IMAGE_SUFFIXES:
                found.append(Source(str(path), path.relative_to(folder)))
        if not recursive:
            break
    if not found and not errors:
        hint = "" if recursive else "; --recursive looks into its folders too"
        suffixes = ", ".join(IMAGE_SUFFIXES)
        message = f"{folder}: found no images in this folder, expected one of {suffixes}{hint}"
        errors.append(Source(str(folder), Path(folder.name), message))
    return [*found, *errors]


def expand(paths: Sequence[str], *, recursive: bool = False) -> list[Source]:
    """Turn files, folders, patterns and ``-`` into images, in order; each image once.

    What cannot be found becomes a `Source` with an error, so that the rest still goes ahead.

    Parameters
    ----------
    paths
        As given on the command line. A pattern may hold ``*``, ``?``, ``[...]`` and ``**``; a file
        that really has such a name is taken as it is.
    recursive
        Look into the folders of folders too.
    """
    found: list[Source] = []
    for text in paths:
        path = Path(text)
        if text == STDIN:
            found.append(Source(STDIN, Path("stdin")))
        elif path.is_dir():
            found += _folder(path, recursive)
        elif path.exists() or not glob.has_magic(text):
            found.append(Source(text, Path(path.name)))
        else:
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - Path takes no absolute patterns
            if not matches:
                message = f"{text}: found no file that fits this pattern"
                found.append(Source(text, Path("pattern"), message))
            for match in matches:
                if not Path(match).is_dir():
                    found.append(Source(match, Path(Path(match).name)))
                elif "**" not in text:  # which yields what is in the folders anyway
                    found += _folder(Path(match), recursive)
    unique: dict[str, Source] = {}
    for source in found:
        unique.setdefault(source.path, source)
    return list(unique.values())


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when it is complete.

    Raises
    ------
    OSError
        Naming ``path``.
    """
    if path.is_dir():  # "." has no name to put another beside
        raise OSError(EISDIR, f"{path}: cannot be written: it is a folder")
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
