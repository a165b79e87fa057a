"""Intervals by drawing pairs anew: repeatable, and as wide as theory says."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.intervals import wilson
from zqcnn_xp.evaluation.roc import Roc
from zqcnn_xp.evaluation.roc_bootstrap import draws, roc_intervals

RNG = np.random.default_rng(0)
ROC = Roc.of(RNG.normal(2, 1, 3000), RNG.normal(0, 1, 3000))


def test_draws_are_curves_of_as_many_pairs():
    for drawn in draws(ROC, 5):
        assert (drawn.genuine, drawn.impostor) == (3000, 3000)
        assert drawn.accepted_genuine[0] == drawn.accepted_impostor[0] == 0
        assert (np.diff(drawn.accepted_genuine) >= 0).all()
        assert drawn.auc == pytest.approx(ROC.auc, abs=0.02)
    one, other = (list(draws(ROC, 2, seed)) for seed in (1, 1))
    assert [d.auc for d in one] == [d.auc for d in other]
    assert one[0].auc != one[1].auc
    assert next(draws(ROC, 1, 2)).auc != one[0].auc


def test_a_fixed_threshold_gives_wilsons_width():
    # the share above a threshold is binomial: nothing but its own noise
    at = int(np.searchsorted(-ROC.thresholds, -2.0))
    share = float(ROC.tpr[at])
    ((low, high),) = roc_intervals(ROC, [lambda drawn: float(drawn.tpr[at])], count=2000)
    expected = wilson(round(share * 3000), 3000)
    assert low == pytest.approx(expected.low, abs=0.003)
    assert high == pytest.approx(expected.high, abs=0.003)


def test_a_threshold_found_anew_is_wider():
    def at_far(drawn):
        return drawn.tpr_at_far(0.001).tpr

    def area(drawn):
        return drawn.auc

    (low, high), (under, over) = roc_intervals(ROC, [at_far, area], count=500)
    point = ROC.tpr_at_far(0.001)
    assert low < point.tpr < high
    # three impostors decide: far more than the genuine pairs' number alone would say
    assert high - low > 2 * (point.interval.high - point.interval.low)
    assert under < ROC.auc < over
    # Hanley and McNeil's deviation of the area
    a, n = ROC.auc, 3000
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    deviation = np.sqrt((a * (1 - a) + (n - 1) * (q1 + q2 - 2 * a * a)) / n**2)
    assert over - under == pytest.approx(2 * 1.96 * deviation, rel=0.2)


def test_what_is_refused():
    with pytest.raises(InputError, match="count=0"):
        list(draws(ROC, 0))
    with pytest.raises(InputError, match="confidence=1"):
        roc_intervals(ROC, [], confidence=1)
