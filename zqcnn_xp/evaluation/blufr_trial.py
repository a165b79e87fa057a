"""One trial of BLUFR: verification of all pairs, and open-set identification.

The rules are those of the original's MATLAB functions, down to the rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.order_statistics import largest
from zqcnn_xp.evaluation.pair_scores import PairScores

__all__ = ["open_set", "thresholds", "verification"]

_STEP = float(np.sqrt(np.finfo(np.float64).eps))
_PROBES = 512


def thresholds(
    fars: NDArray[np.float64],
    impostors: int,
    ranked: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    genuine: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Return the threshold of each false accept rate; a score is accepted if it is not less.

    Parameters
    ----------
    fars
        (k,) of 0 to 1.
    impostors
        How many impostor scores there are.
    ranked
        Returns the impostor scores of some ranks; 1 is the largest.
    genuine
        Genuine scores, at least one.

    Returns
    -------
    NDArray
        (k,) float64. With a = ``far * impostors``, rounded half up: the a-th largest impostor
        score. For a = 0 the middle between the largest and the least genuine score above it, or
        the square root of the machine epsilon above the largest where no genuine one is. For all
        of them the same root below the least of all scores.

    Examples
    --------
    >>> scores = np.array([0.75, 0.5, 0.25, 0.0])
    >>> fars = np.array([0, 0.25, 0.375, 1])
    >>> found = thresholds(fars, 4, lambda ranks: scores[ranks - 1], np.array([0.25, 1.0]))
    >>> found.round(3).tolist()
    [0.875, 0.75, 0.5, -0.0]
    """
    # MATLAB rounds halves away from zero, NumPy to even.
    whole = np.floor(fars * impostors)
    accepted = (whole + (fars * impostors - whole >= 0.5)).astype(np.int64)
    ranks = np.unique(np.concatenate([accepted.clip(1, impostors), [1, impostors]]))
    scores = ranked(ranks)
    found = scores[np.searchsorted(ranks, accepted.clip(1, impostors))]
    top, least = scores[0], min(scores[-1], float(genuine.min()))
    higher = genuine[genuine > top]
    none = (top + float(higher.min())) / 2 if higher.size else top + _STEP
    found[accepted == 0] = none
    found[accepted == impostors] = least - _STEP
    return found


def verification(
    features: NDArray[np.float32], labels: NDArray[np.int64], fars: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
    """Verify all pairs of the test images.

    Parameters
    ----------
    features
        (n, d) float32 rows of norm 1.
    labels
        (n,) identities.
    fars
        (k,) false accept rates.

    Returns
    -------
    rates, thresholds
        (k,) verification rates, and the thresholds on the cosine.
    counts
        Numbers of genuine and of impostor pairs.

    Raises
    ------
    InputError
        If there is no genuine or no impostor pair.
    """
    scores = PairScores(features, labels)
    counts = (scores.genuine_count, scores.impostor_count)
    if not all(counts):
        raise InputError(f"found {counts[0]:,} genuine and {counts[1]:,} impostor pairs to verify")
    genuine = np.sort(scores.genuine())
    found = thresholds(fars, counts[1], lambda ranks: largest(scores.impostors, ranks), genuine)
    return _share(genuine, found), found, counts


def open_set(
    gallery: NDArray[np.float32],
    gallery_labels: NDArray[np.int64],
    probes: NDArray[np.float32],
    probe_labels: NDArray[np.int64],
    fars: NDArray[np.float64],
    ranks: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
    """Identify probes in a gallery that knows only some of them.

    Parameters
    ----------
    gallery, probes
        (g, d) and (p, d) float32 rows of norm 1.
    gallery_labels, probe_labels
        (g,) and (p,) identities.
    fars
        (k,) rates of false accepts among the probes that nobody in the gallery is.
    ranks
        (r,) of 1 or more.

    Returns
    -------
    rates, thresholds
        (r, k) detection and identification rates: the share of the probes whose own gallery image
        scores no less than the threshold and is among the first so many; (k,) thresholds on the
        cosine.
    counts
        Numbers of genuine and of impostor probes.

    Raises
    ------
    InputError
        If there is no genuine or no impostor probe.
    """
    known = np.isin(probe_labels, gallery_labels)
    counts = (int(known.sum()), int((~known).sum()))
    if not all(counts):
        msg = f"found {counts[0]:,} probes in the gallery and {counts[1]:,} that are not"
        raise InputError(msg)
    best = np.empty(len(probes))
    place = np.zeros(len(probes), np.int64)
    columns = np.arange(len(gallery))
    for start in range(0, len(probes), _PROBES):
        part = slice(start, start + _PROBES)
        scores = probes[part] @ gallery.T
        own = probe_labels[part, None] == gallery_labels
        mine = np.where(own | ~known[part, None], scores, -np.inf)
        first = mine.argmax(axis=1)
        value = np.take_along_axis(mine, first[:, None], axis=1)
        best[part] = value[:, 0]
        # A stable sort from the largest on: of equal scores the earlier is ahead.
        ahead = (scores > value) | ((scores == value) & (columns < first[:, None]))
        place[part] = 1 + ahead.sum(axis=1)
    impostors = np.sort(best[~known])[::-1]
    genuine, place = best[known], place[known]
    found = thresholds(fars, counts[1], lambda wanted: impostors[wanted - 1], genuine)
    rates = np.stack([_share(np.sort(genuine[place <= rank]), found, counts[0]) for rank in ranks])
    return rates, found, counts


def _share(
    ascending: NDArray[np.floating[Any]], limits: NDArray[np.float64], of: int | None = None
) -> NDArray[np.float64]:
    """Return which share of scores is no less than each limit; compared as float64."""
    below = np.searchsorted(ascending.astype(np.float64), limits)
    return (len(ascending) - below) / (of or len(ascending))
