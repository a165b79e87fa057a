"""BLUFR: all pairs and open-set identification on LFW, at low false accept rates.

The benchmark of Liao, Lei, Yi and Li, "A benchmark study of large-scale unconstrained face
recognition" (2014): ten random trials of some 9,700 test images each, 47 million impostor pairs,
and 1,000 people in the gallery. What is reported is the mean over the trials minus their standard
deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.blufr_config import BlufrConfig, Trial, match_rows
from zqcnn_xp.evaluation.blufr_trial import open_set, verification
from zqcnn_xp.evaluation.pair_scores import unit_rows
from zqcnn_xp.parallel import in_order
from zqcnn_xp.threads import thread_count

__all__ = ["OPEN_SET_FARS", "RANKS", "VERIFICATION_FARS", "Blufr", "LeftOut", "blufr", "reported"]


def _rates(least: int) -> NDArray[np.float64]:
    """Return 0, then 1 to 9 times each power of ten from ``10**least`` to 0.1, then 1."""
    powers = 10.0 ** np.arange(least, 0)
    return np.concatenate([[0.0], np.kron(powers, np.arange(1, 10)), [1.0]])


VERIFICATION_FARS = _rates(-8)
"""False accept rates of the verification, 74."""
OPEN_SET_FARS = _rates(-4)
"""False accept rates of the identification, 38."""
RANKS = np.array([*range(1, 11), *range(20, 101, 10)])
"""Ranks of the identification, 19."""
_SHOWN = 5


@dataclass(frozen=True)
class LeftOut:
    """What a trial lost to images without features: numbers of images.

    Parameters
    ----------
    test, gallery, probes
        Missing themselves.
    unknown
        Probes that are there, but whose gallery images are all missing. They are left out, since
        they would pass for impostors otherwise.
    """

    test: int
    gallery: int
    probes: int
    unknown: int


@dataclass(frozen=True)
class Blufr:
    """Rates of all trials; t trials, k or f rates, r ranks.

    Parameters
    ----------
    verification
        (t, 74) verification rates at `VERIFICATION_FARS`.
    verification_thresholds
        (t, 74) cosines.
    identification
        (t, 19, 38) detection and identification rates at `RANKS` and `OPEN_SET_FARS`.
    identification_thresholds
        (t, 38) cosines.
    pairs
        (t, 2) numbers of genuine and impostor pairs.
    probes
        (t, 2) numbers of genuine and impostor probes.
    missing
        Names of the images without features.
    left_out
        For each trial, what it lost to them.
    """

    verification: NDArray[np.float64]
    verification_thresholds: NDArray[np.float64]
    identification: NDArray[np.float64]
    identification_thresholds: NDArray[np.float64]
    pairs: NDArray[np.int64]
    probes: NDArray[np.int64]
    missing: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def verification_at(self, far: float = 1e-3) -> NDArray[np.float64]:
        """Return (t,) the verification rate of each trial at one of `VERIFICATION_FARS`."""
        return self.verification[:, _place(VERIFICATION_FARS, far)]

    def identification_at(self, far: float = 1e-2, rank: int = 1) -> NDArray[np.float64]:
        """Return (t,) the rate of each trial at one of `OPEN_SET_FARS` and one of `RANKS`."""
        if rank not in RANKS:
            raise InputError(f"found rank {rank}, expected one of {', '.join(map(str, RANKS))}")
        row = int(np.flatnonzero(rank == RANKS)[0])
        return self.identification[:, row, _place(OPEN_SET_FARS, far)]


def reported(rates: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean - deviation, mean, and deviation over trials, with n - 1 as MATLAB's ``std``.

    Examples
    --------
    >>> reported(np.array([0.5, 0.75, 1.0]))
    (0.5, 0.75, 0.25)
    """
    mean = float(rates.mean())
    spread = float(rates.std(ddof=1)) if rates.size > 1 else 0.0
    return mean - spread, mean, spread


def _place(fars: NDArray[np.float64], far: float) -> int:
    found = np.flatnonzero(np.isclose(fars, far, rtol=1e-9, atol=0))
    if not found.size:
        raise InputError(f"found FAR {far}, expected one of the benchmark's, such as {fars[1]:g}")
    return int(found[0])


def blufr(
    features: NDArray[Any],
    config: BlufrConfig,
    *,
    names: Sequence[str] | None = None,
    allow_missing: bool = False,
    threads: int | None = None,
) -> Blufr:
    """Evaluate features on the trials of a configuration.

    Parameters
    ----------
    features
        (n, d) of a float type. Rows are normalised; the score of a pair is the cosine, computed
        in float32.
    config
        From `read_blufr_config`.
    names
        n names of the images, matched without folders and suffixes. None: row i is image i of the
        configuration.
    allow_missing
        Leave out images that have no features, and say so in the result, instead of failing.
    threads
        Trials that run at the same time; None takes `zqcnn_xp.threads.thread_count`.

    Returns
    -------
    Blufr
        Rates and thresholds of every trial.

    Raises
    ------
    DatasetError
        Images without features, or two features of one image.
    InputError
        Features of another shape, a row of zeros or of no finite numbers, or a trial in which
        nothing genuine or no impostor is left.

    Notes
    -----
    Exact: thresholds are order statistics of all impostor scores. The scores are never held; the
    47 million of a trial are computed three times, 8 MB at a time. A trial takes about 100 MB.
    """
    if features.ndim != 2 or features.dtype.kind != "f":
        msg = f"found features {features.shape} of {features.dtype}, expected (n, d) of floats"
        raise InputError(msg)
    rows = _rows(len(features), config, names)
    missing = tuple(config.images[i] for i in np.flatnonzero(rows < 0))
    if missing and not allow_missing:
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        found = f"no features of {len(missing):,} images ({shown})"
        raise DatasetError(config.file, "imageList", found, f"all {len(rows):,}")
    used = np.flatnonzero(rows >= 0)
    units = np.zeros((len(rows), features.shape[1]), np.float32)
    units[used] = unit_rows(features[rows[used]])
    there = rows >= 0

    def work(trial: Trial) -> tuple[Any, ...]:
        return _trial(units, there, config.labels, trial)

    with threadpool_limits(1, user_api="blas"):  # the trials share the threads
        parts = list(in_order(work, config.trials, thread_count(threads)))
    rates, limits, identified, bounds, pairs, probes, left_out = zip(*parts, strict=True)
    return Blufr(
        np.array(rates),
        np.array(limits),
        np.array(identified),
        np.array(bounds),
        np.array(pairs),
        np.array(probes),
        missing,
        left_out,
    )


def _rows(n: int, config: BlufrConfig, names: Sequence[str] | None) -> NDArray[np.intp]:
    """Return the row of each image, or -1."""
    if names is None:
        if n != len(config.images):
            expected = f"{len(config.images):,}, in the order of {config.file}, or with names"
            raise InputError(f"found features of {n:,} images, expected {expected}")
        return np.arange(n)
    if len(names) != n:
        raise InputError(f"found {len(names):,} names for {n:,} features")
    return match_rows(config.images, names, "features")


def _trial(
    units: NDArray[np.float32], there: NDArray[np.bool_], labels: NDArray[np.int64], trial: Trial
) -> tuple[Any, ...]:
    """Run one trial on the images that are there."""
    test, gallery = (part[there[part]] for part in (trial.test, trial.gallery))
    probes = trial.probes[there[trial.probes]]
    enrolled = np.isin(labels[probes], labels[trial.gallery])
    known = np.isin(labels[probes], labels[gallery])
    left_out = LeftOut(
        len(trial.test) - len(test),
        len(trial.gallery) - len(gallery),
        len(trial.probes) - len(probes),
        int((enrolled & ~known).sum()),
    )
    probes = probes[known | ~enrolled]
    rates, limits, pairs = verification(units[test], labels[test], VERIFICATION_FARS)
    identified, bounds, counts = open_set(
        units[gallery], labels[gallery], units[probes], labels[probes], OPEN_SET_FARS, RANKS
    )
    return rates, limits, identified, bounds, pairs, counts, left_out
