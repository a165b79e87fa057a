"""Accuracies of parts: their mean, deviation and plain values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zqcnn_xp.evaluation.part_accuracies import PartAccuracies


def test_mean_and_deviation_of_the_parts():
    found = PartAccuracies(np.array([0.9, 1.0, 0.8, 0.9]), np.full(4, 0.3), 40, 2)
    assert found.accuracy == pytest.approx(0.9)
    assert found.deviation == pytest.approx(0.005**0.5)  # over 4, not over 3


def test_plain_values():
    found = PartAccuracies(np.array([0.5, 1.0]), np.array([0.25, 0.5]), 4, 1)
    assert json.loads(json.dumps(found.to_dict())) == {
        "accuracy": 0.75,
        "std": 0.25,
        "accuracies": [0.5, 1.0],
        "thresholds": [0.25, 0.5],
        "pairs": 4,
        "not_finite": 1,
    }
