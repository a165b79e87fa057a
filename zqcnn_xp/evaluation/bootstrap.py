"""How much thresholds and accept rates owe to which people are in the set.

Scores of one person's images depend on each other, so that not pairs are drawn but people: as many
as there are, with repeats. A person drawn w times weighs each genuine pair w, and each impostor
pair of two persons the product of both weights. Pairs between two copies of a person count as
neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.genuine_scores import Genuine
from zqcnn_xp.evaluation.top_impostors import Top, reached

__all__ = ["Replicates", "accepted_count", "bootstrap", "interval"]


class Replicates(NamedTuple):
    """What each draw of people gave.

    Parameters
    ----------
    threshold, tar
        (r, k). A threshold of -inf lies below the impostors that were kept, and its accept rate is
        +inf: it is above that at the last of them. Where a draw accepts no impostor at a rate, the
        threshold is +inf and the accept rate -inf.
    """

    threshold: NDArray[np.float64]
    tar: NDArray[np.float64]


def accepted_count(far: float, impostors: float) -> int:
    """Return how many impostors a rate accepts: rounded half up.

    Examples
    --------
    >>> accepted_count(1e-5, 7_960_000), accepted_count(1e-8, 7_960_000)
    (80, 0)
    """
    return int(np.floor(far * impostors + 0.5))


def bootstrap(
    genuine: Genuine,
    top: Top,
    identities: NDArray[np.integer[Any]],
    fars: Sequence[float],
    replicates: int,
    seed: int = 0,
) -> Replicates:
    """Draw people with repeats, and find thresholds and accept rates anew for each draw.

    Parameters
    ----------
    genuine
        All genuine scores.
    top
        The highest impostor scores: some more than the rates accept, since a draw may reach
        further down.
    identities
        (n,) integers from 0 on, the identity of each row.
    fars
        k false accept rates.
    replicates
        How many draws.
    seed
        Of the draws.

    Raises
    ------
    InputError
        If ``replicates`` is less than 1, or ``seed`` less than 0.
    """
    if replicates < 1 or seed < 0:
        msg = (
            f"found {replicates} replicates and the seed {seed}, expected 1 or more, and 0 or more"
        )
        raise InputError(msg)
    images = np.bincount(identities).astype(np.float64)
    people = len(images)
    one, other = (identities[rows] for rows in (top.first, top.second))
    rng = np.random.default_rng(seed)
    shares = np.full(people, 1 / people)
    threshold = np.empty((replicates, len(fars)))
    tar = np.empty((replicates, len(fars)))
    for draw in range(replicates):
        weight = rng.multinomial(people, shares).astype(np.float64)
        drawn = weight * images
        impostors = (drawn.sum() ** 2 - (drawn**2).sum()) / 2
        found = np.cumsum(weight[one] * weight[other])
        accepted = np.cumsum(weight[genuine.identity])
        for column, far in enumerate(fars):
            count = accepted_count(far, impostors)
            at = int(np.searchsorted(found, count))
            if count == 0 or not accepted[-1]:
                threshold[draw, column], tar[draw, column] = np.inf, -np.inf
            elif at == len(found):
                threshold[draw, column], tar[draw, column] = -np.inf, np.inf
            else:
                limit = top.score[at]
                threshold[draw, column] = limit
                number = reached(genuine.score, limit)
                share = accepted[number - 1] / accepted[-1] if number else 0.0
                tar[draw, column] = share
    return Replicates(threshold, tar)


def interval(
    values: NDArray[np.float64], confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Return the percentile interval of replicates; an end that none of them tells is None.

    Examples
    --------
    >>> interval(np.array([0.5, 0.25, 0.75, np.inf]), 0.5)
    (0.25, 0.75)
    >>> interval(np.array([0.5, np.inf, np.inf, np.inf]), 0.5)
    (0.5, None)
    """
    tail = (1 - confidence) / 2
    # An order statistic, not a mean of two: those of infinities are no numbers.
    ends = np.quantile(values, [tail, 1 - tail], method="inverted_cdf")
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return low, high
