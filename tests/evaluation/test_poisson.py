from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.poisson import poisson_interval, rate_interval


def _at_most(count: int, mean: float) -> float:
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


@given(st.integers(1, 300), st.sampled_from([0.9, 0.95, 0.99]))
def test_each_tail_has_its_share(count: int, confidence: float) -> None:
    low, high = poisson_interval(count, confidence)
    tail = (1 - confidence) / 2
    assert _at_most(count, high) == pytest.approx(tail, abs=1e-9)
    assert 1 - _at_most(count - 1, low) == pytest.approx(tail, abs=1e-9)


def test_known_values() -> None:
    assert poisson_interval(0) == (0, pytest.approx(3.688879454))  # -ln(0.025)
    low, high = poisson_interval(50)
    assert (round(low / 50, 2), round(high / 50, 2)) == (0.74, 1.32)


@pytest.mark.parametrize(("count", "confidence"), [(-1, 0.95), (1, 0.0), (1, 1.0)])
def test_wrong_arguments(count: int, confidence: float) -> None:
    with pytest.raises(InputError, match="found count"):
        poisson_interval(count, confidence)


def test_rates_are_no_more_than_one():
    low, high = poisson_interval(5)
    assert rate_interval(5, 1000) == (low / 1000, high / 1000)
    assert rate_interval(5, 6) == (low / 6, 1)
    for count, total in ((7, 6), (-1, 6), (0, 0)):
        with pytest.raises(InputError):
            rate_interval(count, total)
