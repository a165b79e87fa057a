"""Options that every reader takes, and the refusal of those it does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats.source import ModelSource

__all__ = ["beside", "check_options", "check_size"]


def check_options(
    compat: str | None,
    unknown: Mapping[str, Any],
    known: tuple[str, ...],
    rules: tuple[str, ...] = (),
) -> None:
    """Refuse an unknown option, and a rule that the format does not have.

    Parameters
    ----------
    compat
        As given to the reader.
    unknown
        Options by name that the reader does not take.
    known
        Names of those it takes.
    rules
        What ``compat`` may be beside None; only ZQCNN's files have any.

    Raises
    ------
    InputError
        With the nearest option there is.

    Examples
    --------
    >>> check_options(None, {}, ("limits",))
    """
    if compat is not None and compat not in rules:
        choice = " or ".join(("None", *map(repr, rules)))
        why = "" if rules else ": only ZQCNN's files have another rule"
        raise InputError(f"found compat={compat!r}, expected {choice}{why}")
    if unknown:
        option = next(iter(unknown))
        near = get_close_matches(option, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        msg = f"found option {option!r}, expected one of {', '.join(known)}{hint}"
        raise InputError(msg)


def check_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width) as given, or None.

    Raises
    ------
    InputError
        If it is no pair of positive integers.

    Examples
    --------
    >>> check_size((112, 96))
    (112, 96)
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(pair) != 2 or any(type(cells) is not int or not 1 <= cells <= 1 << 20 for cells in pair):
        msg = f"found input_size={size!r}, expected (height, width) in pixels, or None"
        raise InputError(msg)
    return pair[0], pair[1]


def beside(
    model: ModelSource,
    weights: ModelSource | None,
    find: Callable[[Path], list[Path]],
    expected: str,
) -> ModelSource:
    """Return the weights, looked for beside the model where none are given.

    Parameters
    ----------
    model, weights
        As given to the reader.
    find
        Which files in the model's folder may be meant.
    expected
        What is missing, in words.

    Raises
    ------
    InputError
        If there is no such file, or more than one.
    """
    if weights is not None:
        return weights
    found: list[Path] = []
    if isinstance(model, (str, os.PathLike)):
        found = [path for path in find(Path(os.fspath(model))) if path.is_file()]
        if len(found) == 1:
            return found[0]
    names = ", ".join(sorted(path.name for path in found)[:5])
    msg = f"found {names or 'no weights'}, expected {'one of them' if found else expected}"
    raise InputError(msg)
