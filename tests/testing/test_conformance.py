"""What a conformance run reports, and how it fails."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import Backend, ZqcnnError
from zqcnn_xp.testing import ConformanceError, ConformanceReport
from zqcnn_xp.testing.conformance import Judge


@pytest.fixture
def judge():
    return Judge(Backend(np), 1e-5)


def test_equal_arrays_are_counted(judge):
    y = np.float32([1, np.nan, -np.inf])
    judge.same("check", "case", y, y.astype(np.float64))
    judge.same("check", "case", np.float32([1000.005]), np.array([1000.0]))
    assert judge.counts == {"check": 6}
    assert judge.largest_error == pytest.approx(5e-6, rel=0.1)


@pytest.mark.parametrize(
    ("y", "wish", "found"),
    [
        (np.zeros((2, 3), np.float32), np.zeros((3, 2)), r"shape \(2, 3\)"),
        (np.zeros(2), np.zeros(2), "dtype float64"),
        (np.float32([np.nan]), np.array([1.0]), r"nan\S* at \(0,\)"),
        (np.float32([1.0]), np.array([np.inf]), "infinities"),
        (np.float32([1.0, 2.0]), np.array([1.0, 2.1]), r"2\.0\S* at \(1,\)"),
        (np.float32([100.0, 0.01]), np.array([100.0, 0.0]), r"at \(1,\)"),
    ],
)
def test_a_difference_prints_the_case(judge, y, wish, found):
    with pytest.raises(ConformanceError, match=found) as caught:
        judge.same("check", "Conv2D at (1, 3)", y, wish)
    message = str(caught.value)
    assert "Conv2D at (1, 3)" in message
    assert "expected" in message
    assert "array-api" in message
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, ZqcnnError)


def test_a_report_says_what_ran():
    report = ConformanceReport("<b>", {"op": 3, "graph": 4}, 1e-6, 2.0, ("this",))
    assert report.total == 7
    assert str(report).splitlines() == [
        "<b> conforms: 7 comparisons in 2.0 s",
        "  op: 3",
        "  graph: 4",
        "  largest error: 1e-06",
        "  skipped: this",
    ]
