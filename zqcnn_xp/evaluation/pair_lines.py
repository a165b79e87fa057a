"""What all lists of pairs have in common: fields of lines, numbers, paths, and pairs of names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pair_set import PairSet

__all__ = ["collected", "fields", "number", "path_within"]


def fields(line: str) -> list[str]:
    r"""Cut a line into fields: by tabs where it has one, by commas where it has those, else spaces.

    Examples
    --------
    >>> fields("Ann Lee\t1\t4"), fields("a.jpg, b.jpg,1"), fields("Ann  1 4")
    (['Ann Lee', '1', '4'], ['a.jpg', 'b.jpg', '1'], ['Ann', '1', '4'])
    """
    for separator in ("\t", ","):
        if separator in line:
            return [field.strip() for field in line.split(separator)]
    return line.split()


def number(text: str, least: int = 1) -> int | None:
    """Return a number of seven digits at most, or None where it is none or too small.

    Examples
    --------
    >>> number("12"), number("0"), number("0", 0), number("-1"), number("x")
    (12, None, 0, None, None)
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        return None
    found = int(text)
    return found if found >= least else None


def path_within(file: str, at: int, text: str) -> str:
    r"""Return a path with ``/``.

    Raises
    ------
    DatasetError
        If it does not lead to something within a folder.

    Examples
    --------
    >>> path_within("list.txt", 1, "Ann\\1.jpg")
    'Ann/1.jpg'
    """
    path = PurePosixPath(text.replace("\\", "/"))
    out = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in text
    if out or ":" in path.parts[0]:
        raise DatasetError(file, f"line {at}", f"the path {text!r:.80}", "one within a folder")
    return str(path)


def collected(file: str, rows: Sequence[tuple[str, str, bool]], fold: NDArray[Any]) -> PairSet:
    """Return pairs of names as indices into the names, each once.

    Parameters
    ----------
    file
        Name for messages.
    rows
        n pairs: two names, and whether they show one person.
    fold
        (n,) the part of each.
    """
    place: dict[str, int] = {}
    left, right = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for index, (one, other, _) in enumerate(rows):
        left[index] = place.setdefault(one, len(place))
        right[index] = place.setdefault(other, len(place))
    same = np.array([row[2] for row in rows], np.bool_)
    return PairSet(file, tuple(place), left, right, same, fold)
