"""Scores of all pairs written as ZQCNN does, for its own evaluation to read."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.genuine_scores import pair_counts
from zqcnn_xp.evaluation.score_files import SCALE
from zqcnn_xp.evaluation.vectors import Vectors, bad_rows_error
from zqcnn_xp.gallery.rows import Rows

__all__ = ["export_scores"]

_SCORES, _COLUMNS = 1 << 22, 1 << 14


def export_scores(
    features: NDArray[Any] | Rows,
    labels: ArrayLike,
    scores: Path,
    flags: Path,
    info: Path | None = None,
    *,
    dtype: Literal["float32", "int16"] = "float32",
    normalise: bool = True,
    file: str | None = None,
) -> tuple[int, int]:
    """Write the score and the flag of every unordered pair, in the original's order.

    Parameters
    ----------
    features
        (n, d) floats.
    labels
        (n,) integers or texts. Rows are taken in the order of labels, those of one label as they
        come.
    scores, flags
        The files: a score and a byte a pair, of row 0 with all later ones, of row 1 with all later
        ones, and so on. Both appear when they are complete.
    info
        A third file, which the original's evaluation asks for: numbers of all pairs, of those of
        one person, and of those of two.
    dtype
        ``"int16"``: 32,767 times the score, cut off towards zero.
    normalise
        Score pairs by the cosine, else by the dot product.
    file
        Where the features come from, for messages.

    Returns
    -------
    genuine, impostors
        Numbers of pairs.

    Raises
    ------
    InputError
        Shapes that do not fit, rows that have no direction, or more bytes than the disk has left:
        100,000 features take 25 GB, or 15 with int16.
    DatasetError
        Rows that have no direction, where a file is named.
    OSError
        If a file cannot be written.
    """
    vectors = Vectors(features, normalise=normalise)
    names = np.asarray(labels)
    if names.shape != vectors.shape[:1] or dtype not in ("float32", "int16"):
        msg = f"found labels {names.shape} for features {vectors.shape}, and scores of {dtype!r}"
        raise InputError(f"{msg}, expected one label a feature, float32 or int16")
    bad = vectors.bad_rows()
    if len(bad):
        raise bad_rows_error(bad, file)
    _, identities = np.unique(names, return_inverse=True)
    counts = pair_counts(identities)
    needed = sum(counts) * (5 if dtype == "float32" else 3)
    free = shutil.disk_usage(os.fspath(scores.absolute().parent)).free
    if needed > free:
        msg = f"found {free:,} bytes left on the disk of {scores}, expected {needed:,}"
        raise InputError(msg)
    order = np.argsort(identities, kind="stable")
    with ExitStack() as stack:
        score_file = stack.enter_context(writing(scores))
        flag_file = stack.enter_context(writing(flags))
        if info is not None:
            text = f"{sum(counts)}\n{counts[0]}\n{counts[1]}\n"
            stack.enter_context(writing(info)).write(text.encode())
        size = max(1, _SCORES // max(1, len(order)))
        for row in range(0, len(order), size):
            rows = slice(row, row + size)
            _write_rows(vectors, identities, order, rows, dtype, (score_file, flag_file))
    return counts


def _write_rows(
    vectors: Vectors,
    identities: NDArray[np.integer[Any]],
    order: NDArray[np.intp],
    some: slice,
    dtype: str,
    files: tuple[Any, Any],
) -> None:
    """Write the pairs of some rows with all later ones."""
    n, start = len(order), some.start
    rows = order[some]
    left = vectors.taken(rows)
    tile = np.empty((len(rows), n - start), np.float32)
    for column in range(start, n, _COLUMNS):
        right = vectors.taken(order[column : column + _COLUMNS])
        tile[:, column - start : column - start + len(right)] = left @ right.T
    later = np.arange(n - start) > np.arange(len(rows))[:, None]
    chosen = tile[later]
    if dtype == "int16":
        chosen = (chosen * np.float32(SCALE)).clip(-SCALE, SCALE)
    files[0].write(chosen.astype("<i2" if dtype == "int16" else "<f4").tobytes())
    same = identities[rows][:, None] == identities[order[start:]]
    files[1].write(same[later].astype(np.uint8).tobytes())
