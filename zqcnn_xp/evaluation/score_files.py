"""ZQCNN's files of all pairs' scores: read out of core, and evaluated without being sorted.

The original writes one score a pair (float32, or int16 that is 32,767 times the score) and, to
another file, one byte a pair: 1 for the same person, 0 for two. It then sorts both on disk. Here
they are mapped into memory and read a few times from front to end; memory is some tables of counts,
whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.far_points import FARS, FarPoint, TarFar, checked_rates, rank_of
from zqcnn_xp.evaluation.order_statistics import largest
from zqcnn_xp.evaluation.poisson import rate_interval

__all__ = ["SCALE", "ScoreFiles", "tar_at_far_of_files"]

SCALE = 32767
"""What scores are multiplied by to become int16."""
_BLOCK = 1 << 22
_CURVE = 100


class ScoreFiles:
    """A file of scores and one of flags, mapped into memory.

    Parameters
    ----------
    scores
        4 (float32) or 2 (int16) bytes a pair, little-endian; which, the files' sizes say.
    flags
        1 byte a pair.

    Raises
    ------
    DatasetError
        If the sizes do not fit each other, or a flag is neither 0 nor 1.
    OSError
        If one cannot be read.
    """

    def __init__(self, scores: Path, flags: Path) -> None:
        pairs, size = flags.stat().st_size, scores.stat().st_size
        if pairs == 0 or size not in (2 * pairs, 4 * pairs):
            expected = f"2 or 4 bytes for each of the {pairs:,} flags in {flags}"
            raise DatasetError(str(scores), "", f"{size:,} bytes", expected)
        self.file = str(scores)
        self.quantised = size == 2 * pairs
        self._scores = np.memmap(scores, "<i2" if self.quantised else "<f4", "r")
        self._flags = np.memmap(flags, np.uint8, "r")
        self.genuine = 0
        for start, part in self._blocks(self._flags):
            if part.max() > 1:
                at = start + int(np.argmax(part > 1))
                raise DatasetError(
                    str(flags), f"byte {at}", f"the flag {self._flags[at]}", "0 or 1"
                )
            self.genuine += int(np.count_nonzero(part))
        self.impostors = pairs - self.genuine

    def genuine_scores(self) -> Iterator[NDArray[Any]]:
        """Yield the scores of pairs of one person as they are in the file."""
        return self._chosen(1)

    def impostor_scores(self) -> Iterator[NDArray[Any]]:
        """Yield the scores of pairs of two persons as they are in the file."""
        return self._chosen(0)

    def _chosen(self, flag: int) -> Iterator[NDArray[Any]]:
        native = np.int16 if self.quantised else np.float32
        for start, flags in self._blocks(self._flags):
            scores = self._scores[start : start + len(flags)][flags == flag].astype(native)
            if not self.quantised and not np.isfinite(scores).all():
                where = f"pairs {start:,} to {start + len(flags):,}"
                raise DatasetError(self.file, where, "a score that is no finite number", "scores")
            yield scores

    @staticmethod
    def _blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
        for start in range(0, len(array), _BLOCK):
            yield start, array[start : start + _BLOCK]


def tar_at_far_of_files(
    files: ScoreFiles,
    fars: Sequence[float] = FARS,
    *,
    compat: Literal["zqcnn"] | None = None,
) -> TarFar:
    """Return thresholds and true accept rates at false accept rates of scores in files.

    Parameters
    ----------
    files
        The scores.
    fars, compat
        As in `tar_at_far`.

    Returns
    -------
    TarFar
        Exact for the scores as they are stored; those of int16 are divided by `SCALE`. Without
        intervals over people, whom the files do not name.

    Raises
    ------
    InputError
        Rates outside 0 to 1, or no genuine or no impostor pair.
    DatasetError
        A score that is no finite number.

    Notes
    -----
    Four passes over the files (of int16 three) and 90 MB of memory.
    """
    rates = checked_rates(fars)
    if not files.genuine or not files.impostors:
        found = f"found {files.genuine:,} genuine and {files.impostors:,} impostor pairs"
        raise InputError(f"{found} in {files.file}, expected some of both")
    ranks = np.array([rank_of(far, files.impostors, compat) for far in rates])
    steps = np.geomspace(1, max(ranks.max(), 1), _CURVE).round().astype(np.int64)
    wanted = np.unique(np.concatenate([ranks, ranks + 1, steps]).clip(1, files.impostors))
    limits = largest(files.impostor_scores, wanted)
    passed, _ = _counted(files.impostor_scores(), limits)
    accepted, below = _counted(files.genuine_scores(), limits)
    unit = SCALE if files.quantised else 1
    points = []
    for far, rank in zip(rates, ranks.tolist(), strict=True):
        at = int(np.searchsorted(wanted, max(rank, 1)))
        if rank == 0:
            points.append(FarPoint(far, 0, None, None, 0, 0))
            continue
        threshold = limits[at]
        if compat == "zqcnn":
            following = limits[at + 1] if rank < files.impostors else -np.inf
            threshold = max(following, below[at])
        ends = rate_interval(int(passed[at]), files.impostors)
        share = int(accepted[at]) / files.genuine
        counts = (int(passed[at]), int(accepted[at]))
        points.append(FarPoint(far, rank, float(threshold / unit), share, *counts, ends))
    curve = np.stack([passed / files.impostors, accepted / files.genuine, limits / unit], axis=1)
    shown = curve[np.isin(wanted, steps)]
    genuine, impostors = files.genuine, files.impostors
    return TarFar(tuple(points), None, None, genuine, impostors, (), np.unique(shown, axis=0), 0)


def _counted(
    blocks: Iterator[NDArray[Any]], limits: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the scores that reach each limit, and find the highest below each.

    Parameters
    ----------
    limits
        (k,), descending.
    """
    counts = np.zeros(len(limits), np.int64)
    below = np.full(len(limits), -np.inf)
    least = limits[-1]
    for block in blocks:
        high = np.sort(block[block >= least].astype(np.float64))
        first = np.searchsorted(high, limits)
        counts += len(high) - first
        under = np.where(first > 0, high[first - 1] if len(high) else -np.inf, -np.inf)
        if len(high) < len(block):
            rest = float(block[block < least].max())
            under = np.maximum(under, rest)
        below = np.maximum(below, under)
    return counts, below
