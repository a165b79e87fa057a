"""ZQCNN's evaluation of LFW, against its loops pair by pair."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import flip_rule, unit
from zqcnn_xp.evaluation.pairs import pairs_of_rows, read_pairs
from zqcnn_xp.evaluation.zqcnn_lfw import zqcnn_lfw


def by_hand(left, right, same, fold):
    accuracies, thresholds = [], []
    for part in sorted(set(fold)):
        train, test = fold != part, fold == part
        mean = np.concatenate([left[train], right[train]]).mean(0)

        def score(k, mean=mean):
            a, b = left[k] - mean, right[k] - mean
            return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

        scores = np.array([score(k) for k in range(len(same))])

        def correct(chosen, t, scores=scores):
            right = np.where(same, scores > t, scores < t)
            return right[chosen].sum()

        grid = [k / 10000 - 1 for k in range(20001)]
        counts = np.array([correct(train, t) for t in grid])
        best = np.mean(np.array(grid)[counts == counts.max()])
        thresholds.append(float(np.float32(best)))
        accuracies.append(correct(test, thresholds[-1]) / test.sum())
    return accuracies, thresholds


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_the_same_as_by_hand(seed):
    rng = np.random.default_rng(seed)
    same = rng.random(12) < 0.5
    rows = unit(rng.normal(size=(24, 5)) + 0.3)
    rows[1::2][same] = unit(rows[::2][same] + 0.5 * rng.normal(size=(same.sum(), 5)))
    pairs = pairs_of_rows(same, folds=3)
    found = zqcnn_lfw(rows, pairs)
    accuracies, thresholds = by_hand(rows[::2], rows[1::2], same, pairs.fold)
    assert found.accuracies.tolist() == pytest.approx(accuracies)
    assert found.thresholds.tolist() == pytest.approx(thresholds, abs=1e-7)


def test_lfw(shared_data):
    pairs = read_pairs(shared_data / "lfw" / "pairs.txt")
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        place = {name: row for row, name in enumerate(file["files"])}
        rows = [place[name] for name in pairs.names]
        plain, mirrored = file["feat"][rows], file["flip"][rows]
    # the same network on the same pairs, by another rule: within what ten parts vary
    for rule in ("none", "concatenate-unit"):
        found = zqcnn_lfw(flip_rule(plain, mirrored, rule), pairs)
        assert found.accuracy == pytest.approx(0.992, abs=0.002)
        assert np.std(found.thresholds) < 0.02
        assert json.loads(json.dumps(found.to_dict()))["pairs"] == 6000


def test_one_part():
    with pytest.raises(InputError, match="found 1 parts"):
        zqcnn_lfw(np.eye(4), pairs_of_rows([True, False], folds=1))
