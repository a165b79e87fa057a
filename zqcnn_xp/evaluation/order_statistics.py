"""The k-th largest of scores that are too many to be held: exact, in two passes.

A float32 is 32 bits, and the order of the numbers is the order of their bits (of negative ones,
reversed). The first pass counts the scores by their upper 16 bits, which tells in which of the
65,536 bins each wanted rank lies; the second counts the scores of those bins by their lower 16
bits. Nothing is sorted or kept: memory is a table of 512 KB for each wanted bin, whatever the
number of scores and however many of them are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["Stream", "largest"]

Stream: TypeAlias = Callable[[], Iterable[NDArray[Any]]]
"""Begins a pass over all scores: arrays of float32 or int16, the same ones in every pass."""

_BINS = 1 << 16
_NEGATIVE = 1 << 15
_INFINITE = 0x7F80  # the upper half of the bits of infinity, and the least of a NaN's
_AT_A_TIME = 1 << 20
_TABLES = 128  # tables of the second pass that are held at once: 64 MB


def largest(scores: Stream, ranks: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scores of some ranks: 1 is the largest.

    Parameters
    ----------
    scores
        The stream, read twice (for int16 once; for more than 128 ranks far from each other again
        for each further 128).
    ranks
        (k,), each from 1 to the number of scores.

    Returns
    -------
    NDArray
        (k,) float64 that hold the scores exactly.

    Raises
    ------
    InputError
        A rank below 1 or above the number of scores, a score that is no finite number, or another
        type of number.

    Examples
    --------
    >>> parts = [np.array([0.5, -1.0], np.float32), np.array([0.25, 0.5], np.float32)]
    >>> largest(lambda: parts, [1, 2, 3, 4]).tolist()
    [0.5, 0.5, 0.25, -1.0]
    """
    wanted = np.asarray(ranks, np.int64)
    counts, kind = _upper_counts(scores)
    order = _descending(kind)
    above = np.cumsum(counts[order])
    total = int(above[-1])
    if wanted.size and (wanted.min() < 1 or wanted.max() > total):
        msg = f"found ranks {wanted.min()} to {wanted.max()}, expected 1 to {total:,}"
        raise InputError(msg)
    places = np.searchsorted(above, wanted)  # the first bin with that many scores down to it
    bins = order[places]
    if kind == np.int16:
        return bins.astype(np.uint16).view(np.int16).astype(np.float64)
    within = wanted - np.where(places > 0, above[places - 1], 0)
    found = np.empty(wanted.shape)
    distinct = np.unique(bins)
    for start in range(0, len(distinct), _TABLES):
        some = distinct[start : start + _TABLES]
        tables = _lower_counts(scores, some)
        for table, upper in zip(tables, some, strict=True):
            negative = upper >= _NEGATIVE
            lows = np.arange(_BINS, dtype=np.uint32)
            if not negative:
                lows = lows[::-1]  # larger numbers first; of negative ones the bits are reversed
            mine = np.flatnonzero(bins == upper)
            at = np.searchsorted(np.cumsum(table[lows]), within[mine])
            bits = np.uint32(upper << 16) | lows[at]
            found[mine] = bits.view(np.float32)
    return found


def _descending(kind: np.dtype[Any]) -> NDArray[np.int64]:
    """Return the upper 16 bits of numbers, as integers, from those of the largest number on."""
    negative = np.arange(_NEGATIVE, _BINS)  # of a float32 the bits of a negative number ascend
    positive = np.arange(_NEGATIVE - 1, -1, -1)
    return np.concatenate([positive, negative if kind == np.float32 else negative[::-1]])


def _pieces(scores: Stream) -> Iterable[NDArray[Any]]:
    """Yield the scores flat, a bounded piece at a time."""
    for block in scores():
        flat = block.reshape(-1)
        if flat.dtype not in (np.float32, np.int16):
            raise InputError(f"found scores of {flat.dtype}, expected float32 or int16")
        for start in range(0, flat.size, _AT_A_TIME):
            yield np.ascontiguousarray(flat[start : start + _AT_A_TIME])


def _upper_counts(scores: Stream) -> tuple[NDArray[np.int64], np.dtype[Any]]:
    """Count scores by the upper 16 of their bits (int16: by all)."""
    counts = np.zeros(_BINS, np.int64)
    kind: np.dtype[Any] = np.dtype(np.float32)
    for piece in _pieces(scores):
        kind = piece.dtype
        upper = piece.view(np.uint32) >> 16 if kind == np.float32 else piece.view(np.uint16)
        counts += np.bincount(upper.astype(np.intp), minlength=_BINS)
    if kind == np.float32:
        bad = counts[_INFINITE:_NEGATIVE].sum() + counts[_NEGATIVE | _INFINITE :].sum()
        if bad:
            raise InputError(f"found {bad:,} scores that are no finite numbers")
    return counts, kind


def _lower_counts(scores: Stream, uppers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the scores of some bins by the lower 16 of their bits: one row a bin."""
    tables = np.zeros((len(uppers), _BINS), np.int64)
    slots = np.full(_BINS, -1, np.int16)
    slots[uppers] = np.arange(len(uppers))
    for piece in _pieces(scores):
        bits = piece.view(np.uint32)
        slot = slots[bits >> 16]
        chosen = slot >= 0
        which = slot[chosen].astype(np.intp) << 16 | (bits[chosen] & 0xFFFF).astype(np.intp)
        if which.size < _BINS:
            np.add.at(tables.reshape(-1), which, 1)
        else:
            tables += np.bincount(which, minlength=tables.size).reshape(tables.shape)
    return tables
