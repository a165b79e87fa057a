"""Intervals of proportions, against published tables and against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.intervals import clopper_pearson, wilson

CASES = [(0, 1), (1, 1), (0, 10), (8, 10), (10, 10), (1, 3000), (2975, 3000), (3000, 3000)]


@pytest.mark.parametrize(("count", "total"), CASES)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("function", "method"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_the_same_as_scipy(function, method, count, total, confidence):
    expected = binomtest(count, total).proportion_ci(confidence, method)
    low, high = function(count, total, confidence)
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= low <= count / total <= high <= 1


def test_the_exact_one_is_never_too_narrow():
    for share in np.linspace(0.01, 0.99, 25):
        held = 0.0
        for count in range(31):
            low, high = clopper_pearson(count, 30, 0.9)
            held += binom.pmf(count, 30, share) * (low <= share <= high)
        assert held >= 0.9


@pytest.mark.parametrize("function", [wilson, clopper_pearson])
@pytest.mark.parametrize("args", [(-1, 3), (4, 3), (0, 0), (1, 2, 0), (1, 2, 1)])
def test_what_is_refused(function, args):
    with pytest.raises(InputError, match="expected a"):
        function(*args)
