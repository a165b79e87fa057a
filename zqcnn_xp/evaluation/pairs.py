"""Lists of image pairs: LFW's ``pairs.txt`` and lists with a label in each line."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.pair_set import FOLDS, PairSet, contiguous_folds, pairs_of_rows
from zqcnn_xp.evaluation.sources import read_lines
from zqcnn_xp.formats.source import ModelSource

__all__ = ["PairSet", "contiguous_folds", "pairs_of_rows", "read_pairs"]

_LABELS = {"1": True, "+1": True, "true": True, "0": False, "-1": False, "false": False}


def read_pairs(source: ModelSource, *, layout: str = "auto", suffix: str = ".jpg") -> PairSet:
    r"""Read a list of pairs.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes.
    layout
        ``"lfw"``: a first line ``10 300`` (parts, and how many pairs of one person each has,
        followed by as many of two; ``300`` alone is one part), then lines ``name i j`` or
        ``name i other j``, which stand for ``name/name_000i.jpg``. ``"labelled"``: lines
        ``path path label``, the label 1, 0, -1, true or false; parts are ten runs of neighbours.
        ``"auto"`` tells by the first line. Fields are separated by tabs where a line has one, by
        commas where it has those, else by spaces.
    suffix
        What LFW's images end in.

    Returns
    -------
    PairSet
        The pairs, in the order of the file.

    Raises
    ------
    DatasetError
        A line that is none of these, another number of lines than the first one says, a path that
        leads out of the images' folder; it names the line.
    OSError
        If a path cannot be read.

    Examples
    --------
    >>> pairs = read_pairs(b"1\t1\nAnn\t1\t4\nAnn\t2\tBob\t1\n")
    >>> pairs.names
    ('Ann/Ann_0001.jpg', 'Ann/Ann_0004.jpg', 'Ann/Ann_0002.jpg', 'Bob/Bob_0001.jpg')
    >>> pairs.same.tolist()
    [True, False]
    """
    if layout not in ("auto", "lfw", "labelled"):
        raise InputError(f"layout={layout!r}: expected auto, lfw or labelled")
    file, lines = read_lines(source)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DatasetError(file, "", "no lines", "pairs")
    first = _fields(lines[0])
    if layout == "auto":
        numbers = [_number(field) for field in first]
        header = len(first) <= 2 and all(numbers)
        layout = "lfw" if header or (len(first) in (3, 4) and _number(first[1])) else "labelled"
    if layout == "labelled":
        rows = [_labelled(file, at, _fields(line)) for at, line in enumerate(lines, 1)]
        return _collect(file, rows, contiguous_folds(len(rows), min(FOLDS, len(rows))))
    start, fold = _lfw_header(file, first, len(lines))
    rows = [
        _lfw(file, at, _fields(line), suffix) for at, line in enumerate(lines[start:], start + 1)
    ]
    found = _collect(file, rows, fold)
    if start:
        _check_halves(file, found)
    return found


def _fields(line: str) -> list[str]:
    for separator in ("\t", ","):
        if separator in line:
            return [field.strip() for field in line.split(separator)]
    return line.split()


def _number(text: str) -> int | None:
    """Return a number from 1 on, or None where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        return None
    return int(text) or None


def _lfw_header(file: str, first: list[str], lines: int) -> tuple[int, NDArray[np.int64]]:
    """Read the first line: where the pairs begin, and the part of each."""
    sizes = [_number(field) for field in first]
    if len(first) > 2:
        if len(first) > 4:
            raise DatasetError(file, "line 1", f"{len(first)} fields", "at most 4")
        return 0, contiguous_folds(lines, min(FOLDS, lines))
    if None in sizes or not sizes:
        raise DatasetError(file, "line 1", f"{' '.join(first)!r:.80}", "two numbers: parts, pairs")
    parts, half = (1, sizes[0]) if len(sizes) == 1 else sizes
    assert parts is not None  # noqa: S101 - for the type checker
    assert half is not None  # noqa: S101
    if lines - 1 != 2 * parts * half:
        expected = f"{2 * parts * half:,}, as the first line says"
        raise DatasetError(file, "", f"{lines - 1:,} pairs", expected)
    return 1, np.repeat(np.arange(parts), 2 * half)


def _check_halves(file: str, pairs: PairSet) -> None:
    genuine = np.bincount(pairs.fold, pairs.same)
    size = np.bincount(pairs.fold)
    wrong = np.flatnonzero(2 * genuine != size)
    if len(wrong):
        part = int(wrong[0])
        found = f"{int(genuine[part])} pairs of one person in part {part + 1}"
        raise DatasetError(file, "", found, f"{int(size[part]) // 2}, as the first line says")


def _lfw(file: str, at: int, fields: list[str], suffix: str) -> tuple[str, str, bool]:
    if len(fields) not in (3, 4):
        raise DatasetError(file, f"line {at}", f"{len(fields)} fields", "3 or 4")
    names = [fields[0], fields[2] if len(fields) == 4 else fields[0]]
    made = []
    for name, text in zip(names, (fields[1], fields[-1]), strict=True):
        number = _number(text)
        if number is None:
            raise DatasetError(file, f"line {at}", f"{text!r:.80}", "the number of an image")
        if not name or "/" in name or "\\" in name:
            raise DatasetError(file, f"line {at}", f"the name {name!r:.80}", "a person's name")
        made.append(_path(file, at, f"{name}/{name}_{number:04d}{suffix}"))
    return made[0], made[1], len(fields) == 3


def _labelled(file: str, at: int, fields: list[str]) -> tuple[str, str, bool]:
    if len(fields) != 3:
        raise DatasetError(file, f"line {at}", f"{len(fields)} fields", "3: path, path, label")
    label = _LABELS.get(fields[2].lower())
    if label is None:
        raise DatasetError(file, f"line {at}", f"the label {fields[2]!r:.80}", "1, 0 or -1")
    return _path(file, at, fields[0]), _path(file, at, fields[1]), label


def _path(file: str, at: int, text: str) -> str:
    """Check that a path leads to something within a folder."""
    path = PurePosixPath(text.replace("\\", "/"))
    out = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in text
    if out or ":" in path.parts[0]:
        raise DatasetError(file, f"line {at}", f"the path {text!r:.80}", "one within a folder")
    return str(path)


def _collect(file: str, rows: list[tuple[str, str, bool]], fold: NDArray[Any]) -> PairSet:
    place: dict[str, int] = {}
    left, right = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for index, (one, other, _) in enumerate(rows):
        left[index] = place.setdefault(one, len(place))
        right[index] = place.setdefault(other, len(place))
    same = np.array([row[2] for row in rows], np.bool_)
    return PairSet(file, tuple(place), left, right, same, fold)
