"""True accept rates at very low false accept rates, on all pairs of a large set.

ZQCNN's protocol: every pair of N identities x M images; the threshold at a false accept rate is the
score of the impostor pair with that rank, and the rate at which genuine pairs reach it is reported.
100,000 images are 5 billion pairs. Their scores are never held: see `top_impostors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.bootstrap import Replicates, bootstrap, interval
from zqcnn_xp.evaluation.far_points import FARS, FarPoint, TarFar, checked_rates, rank_of
from zqcnn_xp.evaluation.genuine_scores import Genuine, genuine_scores, pair_counts
from zqcnn_xp.evaluation.poisson import rate_interval
from zqcnn_xp.evaluation.top_impostors import Top, reached, top_impostors
from zqcnn_xp.evaluation.vectors import Vectors, bad_rows_error
from zqcnn_xp.gallery.rows import Rows
from zqcnn_xp.threads import thread_count

__all__ = ["MAX_ACCEPTED", "tar_at_far"]

MAX_ACCEPTED = 20_000_000
"""Impostor pairs that a rate may accept: they are held, with 20 bytes each, and twice as many."""
_CURVE = 200
_HIGHEST = 100
_WIDEST = 4  # times the impostors that a rate accepts are kept for draws of people, at most


def tar_at_far(
    features: NDArray[Any] | Rows,
    labels: ArrayLike,
    fars: Sequence[float] = FARS,
    *,
    normalise: bool = True,
    drop_bad: bool = False,
    replicates: int = 0,
    seed: int = 0,
    compat: Literal["zqcnn"] | None = None,
    backend: str | Backend | None = None,
    threads: int | None = None,
    file: str | None = None,
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
    compat
        ``"zqcnn"``: as the original prints its table. A rate accepts the first whole number of
        impostors above ``far * impostors``, one more than by rounding down, and the threshold shown
        is that of the next pair, which is not accepted any more.
    backend, threads
        Where and with how many threads products are computed.
    file
        Where the features come from, for messages.

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
    DatasetError
        Rows that have no direction, where a file is named.

    Notes
    -----
    Memory beyond the features: 12 bytes a row, 12 a genuine pair, up to 40 an impostor pair that
    the highest rate accepts, and some blocks of scores. With draws of people half again as many
    impostors are kept, and if those do not reach, up to six times as many.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]])
    >>> found = tar_at_far(features, ["a", "a", "b", "b"], [0.25, 0.01])
    >>> [(point.rank, point.threshold, point.tar) for point in found.points]
    [(1, 0.96, 0.0), (0, None, None)]
    """
    rates = checked_rates(fars)
    vectors = Vectors(features, normalise=normalise)
    names = np.asarray(labels)
    if names.shape != vectors.shape[:1] or names.dtype.kind not in "iuUS":
        msg = f"found labels {names.shape} of {names.dtype} for features {vectors.shape}"
        raise InputError(f"{msg}, expected one integer or text a feature")
    bad = vectors.bad_rows()
    if len(bad):
        if not drop_bad:
            raise bad_rows_error(bad, file)
        vectors, names = vectors.without(bad), np.delete(names, bad)
    people, identities = np.unique(names, return_inverse=True)
    genuine_pairs, impostors = pair_counts(identities)
    if not genuine_pairs or not impostors:
        found = f"found {genuine_pairs:,} genuine and {impostors:,} impostor pairs"
        msg = f"{found} of {len(people):,} identities, expected some of both"
        raise InputError(msg)
    ranks = [rank_of(far, impostors, compat) for far in rates]
    most = max(ranks)
    if most > MAX_ACCEPTED:
        msg = f"found FAR {max(rates):g}, which accepts {most:,} of {impostors:,} impostor pairs"
        raise InputError(f"{msg}, expected at most {MAX_ACCEPTED:,}")
    count = thread_count(threads)
    genuine = genuine_scores(vectors, identities, count)
    # Draws of people reach further down than the set itself.
    keep = max(most + 1, _HIGHEST) + (max(1000, most // 2) if replicates else 0)
    while True:
        top = top_impostors(
            vectors, identities, keep, backend=backend, threads=threads, rescorers=count
        )
        drawn = bootstrap(genuine, top, identities, rates, replicates, seed) if replicates else None
        if drawn is None or not _beyond(drawn) or keep >= min(_WIDEST * most + 2000, MAX_ACCEPTED):
            break
        keep *= 2  # a few people with many images make draws differ by more than that
    points = tuple(
        _point(far, rank, impostors, genuine, top, drawn, column, compat)
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
        _highest(top, np.setdiff1d(np.arange(len(names) + len(bad)), bad)),
    )


def _beyond(drawn: Replicates) -> bool:
    """Say whether so many draws have thresholds below the impostors kept that an end is unknown."""
    lowest = (interval(column)[0] is None for column in drawn.threshold.T)
    return any(lowest) and bool(np.isneginf(drawn.threshold).any())


def _highest(top: Top, rows: NDArray[np.integer[Any]]) -> Top:
    """Return the first pairs, with the numbers that their rows had before others were left out."""
    some = slice(_HIGHEST)
    first, second = (rows[column[some]].astype(np.int32) for column in (top.first, top.second))
    return Top(top.score[some], first, second)


def _point(
    far: float,
    rank: int,
    impostors: int,
    genuine: Genuine,
    top: Top,
    drawn: Replicates | None,
    column: int,
    compat: str | None,
) -> FarPoint:
    if rank == 0:
        return FarPoint(far, 0, None, None, 0, 0)
    threshold = float(top.score[rank - 1])
    accepted, passed = reached(genuine.score, threshold), reached(top.score, threshold)
    if compat == "zqcnn":
        following = (top.score[rank : rank + 1], genuine.score[accepted : accepted + 1])
        threshold = float(np.concatenate(following).max(initial=-np.inf))
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
        rate_interval(passed, impostors),
        tar_interval,
        threshold_interval,
        outside,
    )


def _curve(genuine: Genuine, top: Top, most: int, impostors: int) -> NDArray[np.float64]:
    """Return points of the curve: at each of some ranks, rates and threshold."""
    steps = np.geomspace(1, most, _CURVE).round().astype(np.int64)
    ranks = np.unique(steps.clip(1, len(top.score)))
    limits = top.score[ranks - 1]
    passed = len(top.score) - np.searchsorted(top.score[::-1], limits)
    accepted = len(genuine.score) - np.searchsorted(genuine.score[::-1], limits)
    found = np.stack([passed / impostors, accepted / len(genuine.score), limits], axis=1)
    return np.unique(found, axis=0)
