"""True accept rates at very low false accept rates, on all pairs of a large set.

ZQCNN's protocol: every pair of N identities x M images; the threshold at a false accept rate is the
score of the impostor pair with that rank, and the rate at which genuine pairs reach it is reported.
100,000 images are 5 billion pairs. Their scores are never held: see `top_impostors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.bootstrap import Replicates, accepted_count, bootstrap, interval
from zqcnn_xp.evaluation.genuine_scores import Genuine, genuine_scores, pair_counts
from zqcnn_xp.evaluation.poisson import poisson_interval
from zqcnn_xp.evaluation.top_impostors import Top, top_impostors
from zqcnn_xp.evaluation.vectors import Vectors, described
from zqcnn_xp.gallery.rows import Rows
from zqcnn_xp.threads import thread_count

__all__ = ["FARS", "MAX_ACCEPTED", "ZQCNN_FARS", "FarPoint", "TarFar", "tar_at_far"]

FARS = (1e-8, 1e-7, 1e-6, 1e-5)
"""The rates of ZQCNN's published tables."""
ZQCNN_FARS = (*(float(f"{step}e-{n}") for n in range(8, 3, -1) for step in (1, 2, 5)), 1e-3)
"""The rates that ZQCNN's own evaluation prints."""
MAX_ACCEPTED = 20_000_000
"""Impostor pairs that a rate may accept: they are held, with 20 bytes each, and twice as many."""
_CURVE = 200


@dataclass(frozen=True)
class FarPoint:
    """The operating point at one false accept rate.

    Parameters
    ----------
    far
        The rate asked for.
    rank
        Impostors that it accepts: ``floor(far * impostors + 0.5)``.
    threshold
        Score of the impostor of that rank; a pair is accepted if its score is not less. None where
        the rank is 0: the set is too small for the rate.
    tar
        Share of the genuine pairs that are accepted, or None.
    impostors_accepted, genuine_accepted
        Pairs that reach the threshold. Of impostors it may be more than ``rank``, where several
        have the same score.
    far_interval
        95 % Poisson (Garwood) interval of the false accept rate at the threshold.
    tar_interval, threshold_interval
        95 % percentile intervals over people, from the bootstrap, else None. An end may be None:
        the draws do not tell.
    outside
        Draws whose threshold is not among the impostors that were kept.
    """

    far: float
    rank: int
    threshold: float | None
    tar: float | None
    impostors_accepted: int
    genuine_accepted: int
    far_interval: tuple[float, float] | None = None
    tar_interval: tuple[float | None, float | None] | None = None
    threshold_interval: tuple[float | None, float | None] | None = None
    outside: int = 0


@dataclass(frozen=True)
class TarFar:
    """Operating points, and what they were found on.

    Parameters
    ----------
    points
        One for each rate, in the order asked for.
    identities, images, genuine, impostors
        Sizes of the set: people, images, pairs.
    dropped
        Rows without a direction that were left out.
    curve
        (k, 3) false accept rate, true accept rate and threshold, from the least rate on, evenly in
        the logarithm.
    replicates
        Draws of the bootstrap, 0 without.
    """

    points: tuple[FarPoint, ...]
    identities: int
    images: int
    genuine: int
    impostors: int
    dropped: tuple[int, ...]
    curve: NDArray[np.float64]
    replicates: int


def tar_at_far(
    features: NDArray[Any] | Rows,
    labels: ArrayLike,
    fars: Sequence[float] = FARS,
    *,
    normalise: bool = True,
    drop_bad: bool = False,
    replicates: int = 0,
    seed: int = 0,
    backend: str | Backend | None = None,
    threads: int | None = None,
) -> TarFar:
    """Return thresholds and true accept rates at false accept rates, over all pairs.

    Parameters
    ----------
    features
        (n, d) floats: an array, a memory-mapped one, or `Rows`.
    labels
        (n,) integers or texts: equal ones are one identity.
    fars
        Rates between 0 and 1.
    normalise
        Score pairs by the cosine. False takes dot products as they are, as ZQCNN does.
    drop_bad
        Leave out rows that have no finite direction, and say which, instead of failing.
    replicates
        Draws of people for bootstrap intervals; 0 for none.
    seed
        Of the draws.
    backend, threads
        Where and with how many threads products are computed.

    Returns
    -------
    TarFar
        Thresholds are exact: order statistics of scores in float64, which do not depend on backend,
        threads or blocks.

    Raises
    ------
    InputError
        Shapes that do not fit, rows that have no direction, a set without genuine or without
        impostor pairs, rates outside 0 to 1, or one that accepts more than `MAX_ACCEPTED` pairs.

    Notes
    -----
    Memory beyond the features: 8 bytes a row, 12 a genuine pair, up to 40 an impostor pair that the
    highest rate accepts, and some blocks of scores.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
    >>> found = tar_at_far(features, ["a", "a", "b", "b"], [0.25, 0.01])
    >>> [(point.rank, point.threshold, point.tar) for point in found.points]
    [(1, 0.96, 0.0), (0, None, None)]
    """
    rates = _checked_rates(fars)
    vectors = Vectors(features, normalise=normalise)
    names = np.asarray(labels)
    if names.shape != vectors.shape[:1] or names.dtype.kind not in "iuUS":
        msg = f"found labels {names.shape} of {names.dtype} for features {vectors.shape}"
        raise InputError(f"{msg}, expected one integer or text a feature")
    bad = vectors.bad_rows()
    if len(bad):
        if not drop_bad:
            msg = f"found {len(bad):,} rows of zeros or of no finite numbers: {described(bad)}"
            raise InputError(msg)
        vectors, names = vectors.without(bad), np.delete(names, bad)
    people, identities = np.unique(names, return_inverse=True)
    genuine_pairs, impostors = pair_counts(identities)
    if not genuine_pairs or not impostors:
        found = f"found {genuine_pairs:,} genuine and {impostors:,} impostor pairs"
        msg = f"{found} of {len(people):,} identities, expected some of both"
        raise InputError(msg)
    ranks = [accepted_count(far, impostors) for far in rates]
    most = max(ranks)
    if most > MAX_ACCEPTED:
        msg = f"found FAR {max(rates):g}, which accepts {most:,} of {impostors:,} impostor pairs"
        raise InputError(f"{msg}, expected at most {MAX_ACCEPTED:,}")
    count = thread_count(threads)
    genuine = genuine_scores(vectors, identities, count)
    # Draws of people reach further down than the set itself.
    keep = max(most, 1) + (max(1000, most // 2) if replicates else 0)
    top = top_impostors(
        vectors, identities, keep, backend=backend, threads=threads, rescorers=count
    )
    drawn = bootstrap(genuine, top, identities, rates, replicates, seed) if replicates else None
    points = tuple(
        _point(far, rank, impostors, genuine, top, drawn, column)
        for column, (far, rank) in enumerate(zip(rates, ranks, strict=True))
    )
    return TarFar(
        points,
        len(people),
        len(names),
        genuine_pairs,
        impostors,
        tuple(bad.tolist()),
        _curve(genuine, top, max(most, 1), impostors),
        replicates,
    )


def _checked_rates(fars: Sequence[float]) -> list[float]:
    rates = [float(far) for far in fars]
    wrong = [far for far in rates if not 0 < far < 1]
    if wrong or not rates:
        found = f"FAR {wrong[0]:g}" if wrong else "no FAR"
        raise InputError(f"found {found}, expected rates between 0 and 1")
    return rates


def _point(
    far: float,
    rank: int,
    impostors: int,
    genuine: Genuine,
    top: Top,
    drawn: Replicates | None,
    column: int,
) -> FarPoint:
    if rank == 0:
        return FarPoint(far, 0, None, None, 0, 0)
    threshold = float(top.score[rank - 1])
    accepted, passed = _reached(genuine.score, threshold), _reached(top.score, threshold)
    low, high = poisson_interval(passed)
    tar_interval = threshold_interval = None
    outside = 0
    if drawn is not None:
        tar_interval = interval(drawn.tar[:, column])
        threshold_interval = interval(drawn.threshold[:, column])
        outside = int(np.isinf(drawn.threshold[:, column]).sum())
    return FarPoint(
        far,
        rank,
        threshold,
        accepted / len(genuine.score),
        passed,
        accepted,
        (low / impostors, high / impostors),
        tar_interval,
        threshold_interval,
        outside,
    )


def _reached(descending: NDArray[np.float64], threshold: float) -> int:
    """Return how many scores are no less than a threshold."""
    return int(np.searchsorted(-descending, -threshold, "right"))


def _curve(genuine: Genuine, top: Top, most: int, impostors: int) -> NDArray[np.float64]:
    """Return points of the curve: at each of some ranks, rates and threshold."""
    steps = np.geomspace(1, most, _CURVE).round().astype(np.int64)
    ranks = np.unique(steps.clip(1, len(top.score)))
    limits = top.score[ranks - 1]
    passed = np.searchsorted(-top.score, -limits, "right")
    accepted = np.searchsorted(-genuine.score, -limits, "right")
    found = np.stack([passed / impostors, accepted / len(genuine.score), limits], axis=1)
    return np.unique(found, axis=0)
