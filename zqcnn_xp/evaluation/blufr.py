"""BLUFR: all pairs and open-set identification on LFW, at low false accept rates.

The benchmark of Liao, Lei, Yi and Li, "A benchmark study of large-scale unconstrained face
recognition" (2014): ten random trials of some 9,700 test images each, 47 million impostor pairs,
and 1,000 people in the gallery. What is reported is the mean over the trials minus their standard
deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.blufr_config import BlufrConfig, Trial, match_rows
from zqcnn_xp.evaluation.blufr_result import (
    OPEN_SET_FARS,
    RANKS,
    VERIFICATION_FARS,
    Blufr,
    LeftOut,
)
from zqcnn_xp.evaluation.blufr_trial import open_set, verification
from zqcnn_xp.evaluation.pair_scores import unit_rows
from zqcnn_xp.evaluation.vectors import Vectors
from zqcnn_xp.parallel import in_order
from zqcnn_xp.threads import thread_count

__all__ = ["blufr"]


_SHOWN = 5


def blufr(
    features: NDArray[Any],
    config: BlufrConfig,
    *,
    names: Sequence[str] | None = None,
    allow_missing: bool = False,
    threads: int | None = None,
    file: str = "features",
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
        Leave out images that have no features, or whose features are zero or not finite, and say so
        in the result, instead of failing.
    threads
        Trials that run at the same time; None takes `zqcnn_xp.threads.thread_count`.
    file
        Where the features come from, for messages.

    Returns
    -------
    Blufr
        Rates and thresholds of every trial.

    Raises
    ------
    DatasetError
        Images without features or with some that are zero or not finite, or two features of one
        image.
    InputError
        Features of another shape, or a trial in which nothing genuine or no impostor is left.

    Notes
    -----
    Exact: thresholds are order statistics of all impostor scores. The scores are never held; the
    47 million of a trial are computed three times, 8 MB at a time. A trial takes about 100 MB.
    """
    if features.ndim != 2 or features.dtype.kind != "f":
        msg = f"found features {features.shape} of {features.dtype}, expected (n, d) of floats"
        raise InputError(msg)
    rows = _rows(len(features), config, names, file)
    good = np.ones(len(features) + 1, bool)  # the last is that of images without features
    good[Vectors(features).bad_rows()] = False
    rows[~good[rows]] = -1
    missing = tuple(config.images[i] for i in np.flatnonzero(rows < 0))
    if missing and not allow_missing:
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        found = f"no usable features of {len(missing):,} images ({shown})"
        raise DatasetError(file, "", found, f"all {len(rows):,} of {config.file}")
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


def _rows(n: int, config: BlufrConfig, names: Sequence[str] | None, file: str) -> NDArray[np.intp]:
    """Return the row of each image, or -1."""
    if names is None:
        if n != len(config.images):
            expected = f"{len(config.images):,}, in the order of {config.file}, or with names"
            raise InputError(f"found features of {n:,} images, expected {expected}")
        return np.arange(n)
    if len(names) != n:
        raise InputError(f"found {len(names):,} names for {n:,} features")
    return match_rows(config.images, names, file)


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
