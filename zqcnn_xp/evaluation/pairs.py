"""Lists of image pairs: LFW's ``pairs.txt`` and lists with a label in each line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.sources import read_lines
from zqcnn_xp.formats.source import ModelSource

__all__ = ["PairSet", "contiguous_folds", "pairs_of_rows", "read_pairs"]

FOLDS = 10
_LABELS = {"1": True, "+1": True, "true": True, "0": False, "-1": False, "false": False}
_SHOWN = 5


@dataclass(frozen=True)
class PairSet:
    """Pairs of images, as indices into their names.

    Parameters
    ----------
    file
        Where they were read from, for messages.
    names
        The images, each once, in the order of their first appearance; paths with ``/``.
    left, right
        (n,) int64, indices into ``names``.
    same
        (n,) bool, whether a pair shows one person.
    fold
        (n,) int64, the part of the set that a pair belongs to, from 0.
    missing
        Images that were asked for and not found.
    dropped
        Pairs that were left out because of them.
    """

    file: str
    names: tuple[str, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    missing: tuple[str, ...] = ()
    dropped: int = 0

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.same)

    @property
    def folds(self) -> int:
        """Number of parts."""
        return int(self.fold.max()) + 1 if len(self.fold) else 0

    def available(self, names: Collection[str], *, allow_missing: bool = False) -> PairSet:
        r"""Hold the pairs against the images that are there.

        Parameters
        ----------
        names
            What is there.
        allow_missing
            Leave out pairs without both images, and say so in ``missing`` and ``dropped``. The
            parts keep their pairs: a pair that is left out moves no other into another part.

        Raises
        ------
        DatasetError
            If images are missing that may not be, or no pair is left.

        Examples
        --------
        >>> pairs = read_pairs(b"a.jpg,b.jpg,1\na.jpg,c.jpg,0\n")
        >>> rest = pairs.available(["a.jpg", "b.jpg"], allow_missing=True)
        >>> rest.names, len(rest), rest.missing, rest.dropped
        (('a.jpg', 'b.jpg'), 1, ('c.jpg',), 1)
        """
        held = set(names)
        missing = tuple(name for name in self.names if name not in held)
        if not missing:
            return self
        there = np.array([name in held for name in self.names])
        keep = there[self.left] & there[self.right]
        dropped = int((~keep).sum())
        if not allow_missing or not keep.any():
            shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
            found = f"{len(missing)} of {len(self.names)} images missing ({shown})"
            expected = f"all; {dropped} of {len(self)} pairs need them"
            raise DatasetError(self.file, "", found, expected)
        # Images that only stood beside a missing one are no longer needed.
        used = np.unique(np.concatenate([self.left[keep], self.right[keep]]))
        place = np.full(len(self.names), -1)
        place[used] = np.arange(len(used))
        return replace(
            self,
            names=tuple(self.names[index] for index in used),
            left=place[self.left[keep]],
            right=place[self.right[keep]],
            same=self.same[keep],
            fold=self.fold[keep],
            missing=self.missing + missing,
            dropped=self.dropped + dropped,
        )


def contiguous_folds(count: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Cut a number of pairs into parts of neighbours, the first ones a pair longer.

    The same as scikit-learn's ``KFold(folds, shuffle=False)``.

    Examples
    --------
    >>> contiguous_folds(7, 3)
    array([0, 0, 0, 1, 1, 2, 2])
    """
    if not 1 <= folds <= max(1, count):
        raise InputError(f"folds={folds}: expected 1 to {count}, the number of pairs")
    sizes = np.full(folds, count // folds)
    sizes[: count % folds] += 1
    return np.repeat(np.arange(folds), sizes)


def pairs_of_rows(same: ArrayLike, *, file: str = "<pairs>", folds: int = FOLDS) -> PairSet:
    """Return the pairs of a set whose rows 2i and 2i + 1 are pair i, such as a ``.bin`` file's.

    Parameters
    ----------
    same
        (n,) bool.
    file
        Name for messages.
    folds
        Parts of neighbours to cut it into; fewer where there are fewer pairs.

    Examples
    --------
    >>> pairs = pairs_of_rows([True, False])
    >>> pairs.left, pairs.right, pairs.names
    (array([0, 2]), array([1, 3]), ('0', '1', '2', '3'))
    """
    labels = np.asarray(same, np.bool_)
    if labels.ndim != 1 or not labels.size:
        raise InputError(f"same: found shape {labels.shape}, expected (n,), n at least 1")
    left = np.arange(0, 2 * len(labels), 2)
    names = tuple(map(str, range(2 * len(labels))))
    fold = contiguous_folds(len(labels), min(folds, len(labels)))
    return PairSet(file, names, left, left + 1, labels, fold)


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
