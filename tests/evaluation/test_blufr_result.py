from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.evaluation.blufr_result import OPEN_SET_FARS, RANKS, VERIFICATION_FARS, reported


def test_points_of_the_curves() -> None:
    assert (len(VERIFICATION_FARS), len(OPEN_SET_FARS), len(RANKS)) == (74, 38, 19)
    assert VERIFICATION_FARS[[0, 1, 2, 46, 73]].tolist() == [0, 1e-8, 2e-8, 1e-3, 1]
    assert OPEN_SET_FARS[[1, 19, 36]].tolist() == [1e-4, 1e-2, 0.9]


def test_reported_is_the_mean_less_the_deviation_of_a_sample() -> None:
    least, mean, spread = reported(np.array([0.9, 0.8]))
    assert mean == pytest.approx(0.85)
    assert spread == pytest.approx(0.1 / np.sqrt(2))
    assert least == pytest.approx(mean - spread)
    assert reported(np.array([0.5])) == (0.5, 0.5, 0)
