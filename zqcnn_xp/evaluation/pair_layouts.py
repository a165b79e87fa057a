"""Pairs as CALFW, CPLFW and CFP publish them: two lines a pair, and a folder of index lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pair_lines import collected, fields, number, path_within
from zqcnn_xp.evaluation.pair_set import FOLDS, PairSet, contiguous_folds
from zqcnn_xp.evaluation.sources import read_lines

__all__ = ["LARGEST_LABEL", "cfp_pairs", "two_line_pairs"]

LARGEST_LABEL = 99
"""Labels of lists with two lines a pair: 0 is two persons; another is one, or the part, too."""
_MOST_PARTS = 1000


def two_line_pairs(file: str, lines: Sequence[str]) -> PairSet:
    """Return the pairs of ``pairs_CALFW.txt`` or ``pairs_CPLFW.txt``.

    Parameters
    ----------
    file
        Name for messages.
    lines
        Of an image and a label each; two belong to one pair and have the same label: 0 for two
        persons, 1 for one (CPLFW), or the number of the part from 1 on (CALFW).

    Returns
    -------
    PairSet
        Parts are those of the labels, where these have several, and the pairs of two persons, which
        have no number, are cut into as many runs. Else parts are ten runs of neighbours; where one
        of them would hold one kind of pairs alone, both kinds are cut into ten runs.

    Raises
    ------
    DatasetError
        A line that is none of these, or has no second; it names the line.

    Examples
    --------
    >>> pairs = two_line_pairs("list", ["a_1.jpg 1", "a_2.jpg 1", "a_1.jpg 0", "b_1.jpg 0"])
    >>> pairs.names, pairs.same.tolist()
    (('a_1.jpg', 'a_2.jpg', 'b_1.jpg'), [True, False])
    """
    rows, labels = [], []
    for at in range(1, len(lines) + 1, 2):
        one, label = _labelled(file, at, lines[at - 1])
        if at == len(lines):
            raise DatasetError(file, f"line {at}", "the end", "the other image of this pair")
        other, again = _labelled(file, at + 1, lines[at])
        if again != label:
            found, expected = f"the label {again}", f"{label}, as in the line before"
            raise DatasetError(file, f"line {at + 1}", found, expected)
        rows.append((one, other, label > 0))
        labels.append(label)
    return collected(file, rows, _parts(np.array(labels)))


def _labelled(file: str, at: int, line: str) -> tuple[str, int]:
    found = fields(line)
    label = number(found[-1], 0) if len(found) == 2 else None
    if label is None or label > LARGEST_LABEL:
        raise DatasetError(file, f"line {at}", f"{line!r:.80}", "an image and a label")
    return path_within(file, at, found[0]), label


def _parts(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the part of each pair."""
    same = labels > 0
    if labels.max() > 1:
        numbers, part = np.unique(labels[same], return_inverse=True)
        count = len(numbers)
    else:
        count = min(FOLDS, len(labels))
        found = contiguous_folds(len(labels), count)
        genuine, size = np.bincount(found, same), np.bincount(found)
        if ((genuine > 0) & (genuine < size)).all() or same.all() or not same.any():
            return found
        part = _runs(int(same.sum()), count)
    fold = np.empty(len(labels), np.int64)
    fold[same] = part
    fold[~same] = _runs(int((~same).sum()), count)
    return fold


def _runs(pairs: int, parts: int) -> NDArray[np.int64]:
    return contiguous_folds(pairs, min(parts, max(1, pairs)))


def cfp_pairs(folder: Path) -> PairSet:
    """Return the pairs of CFP (Celebrities in Frontal-Profile).

    Parameters
    ----------
    folder
        ``Protocol/Split/FP`` (a frontal and a profile image) or ``Protocol/Split/FF`` (two frontal
        ones) as published: folders ``01`` to ``10`` with ``same.txt`` and ``diff.txt``, of lines
        ``i,j``, which are numbers of lines of ``Protocol/Pair_list_F.txt`` and ``Pair_list_P.txt``.

    Returns
    -------
    PairSet
        Images by the last three parts of their paths, ``001/frontal/01.jpg``: below the set's own
        ``Data/Images``, or a folder of crops of the same structure.

    Raises
    ------
    DatasetError
        A folder of another name or without parts, or a line that is none of these.
    OSError
        If a file cannot be read.
    """
    kind = folder.resolve().name.upper()
    if kind not in ("FP", "FF"):
        raise DatasetError(str(folder), "", "a folder of another name", "Split/FP or Split/FF")
    lists = {letter: _images(folder / f"../../Pair_list_{letter}.txt") for letter in set(kind)}
    parts = sorted((int(place.name), place) for place in folder.iterdir() if number(place.name))
    if not parts or len(parts) > _MOST_PARTS:
        raise DatasetError(str(folder), "", f"{len(parts)} parts", "folders 01, 02, ...")
    rows, fold = [], []
    for part, (_, place) in enumerate(parts):
        for name, same in (("same.txt", True), ("diff.txt", False)):
            file, lines = read_lines(place / name)
            for at, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                pair = [number(text) for text in fields(line)]
                names = [
                    lists[letter][index - 1]
                    for letter, index in zip(kind, pair, strict=False)
                    if index is not None and index <= len(lists[letter])
                ]
                if len(pair) != 2 or len(names) != 2:
                    found, title = f"{line!r:.80}", f"{place.name}/{file}"
                    raise DatasetError(title, f"line {at}", found, "i,j of the lists of images")
                rows.append((names[0], names[1], same))
                fold.append(part)
    if not rows:
        raise DatasetError(str(folder), "", "no pairs", "some")
    return collected(str(folder), rows, np.unique(fold, return_inverse=True)[1].astype(np.int64))


def _images(path: Path) -> list[str]:
    """Return the images of a list of CFP: lines of a number and a path."""
    file, lines = read_lines(path)
    found: list[str] = []
    for at, line in enumerate(lines, 1):
        index, _, text = line.strip().partition(" ")
        parts = PurePosixPath(text.strip().replace("\\", "/")).parts[-3:]
        if number(index) != at or len(parts) != 3:
            expected = f"{at} and an image's path"
            raise DatasetError(file, f"line {at}", f"{line!r:.80}", expected)
        found.append(path_within(file, at, "/".join(parts)))
    return found
