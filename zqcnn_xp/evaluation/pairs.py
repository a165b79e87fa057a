"""Lists of image pairs: LFW's ``pairs.txt``, those of its kin, and lists of labelled pairs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.pair_layouts import LARGEST_LABEL, cfp_pairs, two_line_pairs
from zqcnn_xp.evaluation.pair_lines import collected, fields, number, path_within
from zqcnn_xp.evaluation.pair_set import FOLDS, PairSet, contiguous_folds, pairs_of_rows
from zqcnn_xp.evaluation.sources import read_lines
from zqcnn_xp.formats.source import ModelSource

__all__ = ["LAYOUTS", "PairSet", "contiguous_folds", "pairs_of_rows", "read_pairs"]

LAYOUTS = ("auto", "lfw", "labelled", "two-lines", "cfp")

_LABELS = {"1": True, "+1": True, "true": True, "0": False, "-1": False, "false": False}


def read_pairs(source: ModelSource, *, layout: str = "auto", suffix: str = ".jpg") -> PairSet:
    r"""Read a list of pairs.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes; of CFP the path of a folder.
    layout
        ``"lfw"``: a first line ``10 300`` (parts, and how many pairs of one person each has,
        followed by as many of two; ``300`` alone is one part), then lines ``name i j`` or
        ``name i other j``, which stand for ``name/name_000i.jpg``. ``"labelled"``: lines
        ``path path label``, the label 1, 0, -1, true or false; parts are ten runs of neighbours.
        ``"two-lines"``: CALFW and CPLFW, see `zqcnn_xp.evaluation.pair_layouts.two_line_pairs`.
        ``"cfp"``: the folder ``Split/FP`` or ``Split/FF`` of CFP, see
        `zqcnn_xp.evaluation.pair_layouts.cfp_pairs`. ``"auto"`` tells by the first line. Fields
        are separated by tabs where a line has one, by commas where it has those, else by spaces.
        LFW's lists as tables with commas, with a first line ``name,imagenum1,...``, are read, too.
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
    if layout not in LAYOUTS:
        raise InputError(f"layout={layout!r}: expected one of {', '.join(LAYOUTS)}")
    folder = Path(source) if isinstance(source, (str, os.PathLike)) else None
    if folder is not None and layout in ("auto", "cfp") and (layout == "cfp" or folder.is_dir()):
        return cfp_pairs(folder)
    if layout == "cfp":
        raise InputError("layout='cfp': expected the path of a folder")
    file, lines = read_lines(source)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DatasetError(file, "", "no lines", "pairs")
    first = fields(lines[0])
    if layout == "auto":
        numbers = [number(field) for field in first]
        header = len(first) <= 2 and all(numbers)
        layout = "lfw" if header or (len(first) in (3, 4) and number(first[1])) else "labelled"
        label = number(first[1], 0) if len(first) == 2 else None
        if _is_head(first):
            layout = "lfw"
        elif not header and label is not None and label <= LARGEST_LABEL:
            layout = "two-lines"
    if layout == "two-lines":
        return two_line_pairs(file, lines)
    if layout == "labelled":
        rows = [_labelled(file, at, fields(line)) for at, line in enumerate(lines, 1)]
        return collected(file, rows, contiguous_folds(len(rows), min(FOLDS, len(rows))))
    start, fold = _lfw_header(file, first, lines)
    rows = [
        _lfw(file, at, fields(line), suffix) for at, line in enumerate(lines[start:], start + 1)
    ]
    found = collected(file, rows, fold)
    if start and not _is_head(first):
        _check_halves(file, found)
    return found


def _is_head(first: list[str]) -> bool:
    """Tell the names of columns from a pair."""
    return len(first) > 2 and first[0] == "name" and first[1].startswith("imagenum")


def _lfw_header(file: str, first: list[str], text: list[str]) -> tuple[int, NDArray[np.int64]]:
    """Read the first line: where the pairs begin, and the part of each."""
    lines = len(text)
    if _is_head(first):
        if lines == 1:
            raise DatasetError(file, "line 2", "no pairs", "some")
        return 1, contiguous_folds(lines - 1, min(FOLDS, lines - 1))
    sizes = [number(field) for field in first]
    if len(first) > 2:
        if len(first) > 4:
            raise DatasetError(file, "line 1", f"{len(first)} fields", "at most 4")
        return 0, contiguous_folds(lines, min(FOLDS, lines))
    numbers = [size for size in sizes if size is not None]
    if not numbers or len(numbers) < len(sizes):
        raise DatasetError(file, "line 1", f"{' '.join(first)!r:.80}", "two numbers: parts, pairs")
    parts, half = (1, numbers[0]) if len(numbers) == 1 else numbers
    if lines > 1 and len(fields(text[1])) < 3:
        expected = "a pair; people.txt, which counts images, has none"
        raise DatasetError(file, "line 2", f"{text[1]!r:.80}", expected)
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


def _lfw(file: str, at: int, found: list[str], suffix: str) -> tuple[str, str, bool]:
    if len(found) == 4 and not found[3]:
        found = found[:3]  # of a table with commas
    if len(found) not in (3, 4):
        raise DatasetError(file, f"line {at}", f"{len(found)} fields", "3 or 4")
    names = [found[0], found[2] if len(found) == 4 else found[0]]
    made = []
    for name, text in zip(names, (found[1], found[-1]), strict=True):
        image = number(text)
        if image is None:
            raise DatasetError(file, f"line {at}", f"{text!r:.80}", "the number of an image")
        if not name or "/" in name or "\\" in name:
            raise DatasetError(file, f"line {at}", f"the name {name!r:.80}", "a person's name")
        made.append(path_within(file, at, f"{name}/{name}_{image:04d}{suffix}"))
    return made[0], made[1], len(found) == 3


def _labelled(file: str, at: int, found: list[str]) -> tuple[str, str, bool]:
    if len(found) != 3:
        raise DatasetError(file, f"line {at}", f"{len(found)} fields", "3: path, path, label")
    label = _LABELS.get(found[2].lower())
    if label is None:
        raise DatasetError(file, f"line {at}", f"the label {found[2]!r:.80}", "1, 0 or -1")
    return path_within(file, at, found[0]), path_within(file, at, found[1]), label
