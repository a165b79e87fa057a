"""Ten-fold verification: the golden figures, and what the reference does pair by pair."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import flip_rule, unit
from zqcnn_xp.evaluation.pairs import pairs_of_rows, read_pairs
from zqcnn_xp.evaluation.ten_fold import ten_fold


@pytest.fixture(scope="module")
def golden(shared_data):
    with np.load(shared_data / "golden" / "eval" / "verification.npz") as file:
        return file["embeddings"], pairs_of_rows(file["same"])


@pytest.fixture(scope="module")
def lfw(shared_data):
    pairs = read_pairs(shared_data / "lfw" / "pairs.txt")
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        place = {name: row for row, name in enumerate(file["files"])}
        rows = [place[name] for name in pairs.names]
        return file["feat"][rows], file["flip"][rows], pairs


def test_golden(golden):
    embeddings, pairs = golden
    assert unit(embeddings).sum() == pytest.approx(111.99976587279818, rel=1e-12)
    found = ten_fold(embeddings, pairs)
    parts = [0.991667, 0.996667, 0.99, 0.99, 0.993333, 0.988333, 0.993333, 0.991667, 0.99, 0.996667]
    assert found.accuracies == pytest.approx(parts, abs=5e-7)
    assert found.accuracy == pytest.approx(0.992166667, abs=1e-9)
    assert found.deviation == pytest.approx(0.002693, abs=5e-7)
    assert found.grid[[100, 150]] == pytest.approx([1, 1.5])
    assert found.tpr[[100, 150]] == pytest.approx([0.733, 0.998333333], abs=1e-9)
    assert found.fpr[[100, 150]] == pytest.approx([0, 0.019], abs=1e-9)


@pytest.mark.parametrize(
    ("rule", "val", "deviation"),
    [("first-duplicate", 0.963666667, 0.009597), ("last-duplicate", 0.976, 0.005925)],
)
def test_golden_of_val(golden, rule, val, deviation):
    found = ten_fold(*golden, val_rule=rule)
    assert found.val.mean() == pytest.approx(val, abs=1e-9)
    assert found.val.std() == pytest.approx(deviation, abs=5e-7)
    assert found.val_far.mean() == pytest.approx(0.001, abs=1e-9)


@pytest.mark.parametrize(
    ("rule", "accuracy", "deviation", "val", "val_deviation"),
    [
        ("none", 0.99200, 0.00623, 0.98100, 0.01350),
        ("sum", 0.99117, 0.00578, 0.97767, None),
        ("concatenate", 0.99150, 0.00575, None, None),
    ],
)
def test_lfw(lfw, rule, accuracy, deviation, val, val_deviation):
    plain, mirrored, pairs = lfw
    found = ten_fold(flip_rule(plain, mirrored, rule), pairs)
    assert found.accuracy == pytest.approx(accuracy, abs=5e-6)
    assert found.deviation == pytest.approx(deviation, abs=5e-6)
    if val is not None:
        assert found.val.mean() == pytest.approx(val, abs=5e-6)
    if val_deviation is not None:
        assert found.val.std() == pytest.approx(val_deviation, abs=5e-6)
    # the official parts are runs of neighbours
    assert ten_fold(flip_rule(plain, mirrored, rule), pairs, folds=10).accuracy == found.accuracy


def by_hand(left, right, same, fold, *, angle=False, subtract_mean=False):
    """The reference's loops, one pair and one threshold after the other."""
    grid = np.arange(0, 4, 0.01)
    accuracies = []
    for part in sorted(set(fold)):
        train = [k for k in range(len(same)) if fold[k] != part]
        test = [k for k in range(len(same)) if fold[k] == part]
        mean = 0
        if subtract_mean:
            mean = np.mean([row for k in train for row in (left[k], right[k])], axis=0)

        def distance(k, mean=mean):
            a, b = left[k] - mean, right[k] - mean
            if angle:
                cos = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
                return np.arccos(np.clip(cos, -1, 1)) / np.pi
            return np.sum((a - b) ** 2)

        def right_of(chosen, t):
            return sum((distance(k) < t) == same[k] for k in chosen) / len(chosen)

        scores = [right_of(train, t) for t in grid]
        accuracies.append(right_of(test, grid[scores.index(max(scores))]))
    return accuracies


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_the_same_as_by_hand(seed, angle, subtract_mean):
    rng = np.random.default_rng(seed)
    same = rng.random(12) < 0.5
    rows = unit(rng.normal(size=(24, 5)))
    rows[1::2][same] = unit(rows[::2][same] + 0.7 * rng.normal(size=(same.sum(), 5)))
    pairs = pairs_of_rows(same, folds=4)
    found = ten_fold(
        rows, pairs, metric="angle" if angle else "squared", subtract_mean=subtract_mean
    )
    expected = by_hand(
        rows[::2], rows[1::2], same, pairs.fold, angle=angle, subtract_mean=subtract_mean
    )
    assert found.accuracies.tolist() == pytest.approx(expected)


def test_a_distance_equal_to_the_threshold_is_two_persons():
    # 0.75 and its like are exact: the best thresholds are those above 0.01 * 100 = 1
    rows = np.array([[1, 0], [np.sqrt(3) / 2, 0.5], [1, 0], [0.5, np.sqrt(3) / 2]] * 4)
    found = ten_fold(rows, pairs_of_rows([True, False] * 4, folds=2))
    # squared distances: 2 - sqrt(3) = 0.268 and 1 (as floats: just below or at it)
    assert found.accuracy == 1
    assert found.thresholds.tolist() == [0.27, 0.27]


def test_lengths_do_not_matter_and_features_stay(golden):
    embeddings, pairs = golden
    scaled = embeddings * np.linspace(0.1, 50, len(embeddings))[:, None]
    before = scaled.copy()
    assert ten_fold(scaled, pairs).accuracy == ten_fold(embeddings, pairs).accuracy
    assert (scaled == before).all()


def test_what_is_not_finite_is_left_out_and_counted(golden):
    embeddings, pairs = golden
    damaged = embeddings.copy()
    damaged[7] = np.nan
    damaged[9999, 3] = np.inf
    found = ten_fold(damaged, pairs)
    assert found.not_finite == 2
    assert found.pairs == 5998
    assert found.accuracy == pytest.approx(0.9921, abs=1e-3)
    with pytest.raises(InputError, match="NaN or infinity in every pair"):
        ten_fold(np.full_like(embeddings, np.nan), pairs)


def test_parts_without_pairs_of_one_kind():
    # genuine pairs first: 2 of 4 parts have none, and two have no impostors
    rng = np.random.default_rng(0)
    same = np.arange(80) < 40
    rows = rng.normal(size=(160, 8))
    rows[1::2][same] = rows[::2][same] + 0.1 * rng.normal(size=(40, 8))
    found = ten_fold(rows, pairs_of_rows(same, folds=4))
    assert np.isfinite(found.val).tolist() == [True, True, False, False]
    assert np.isfinite(found.val_far).tolist() == [False, False, True, True]
    assert found.val_parts == 2
    assert found.to_dict()["val"] == found.val[:2].mean() > 0.9
    assert found.to_dict()["val_far"] == found.val_far[2:].mean()
    # no impostor at all: no rate to hold
    alone = ten_fold(rows[:80], pairs_of_rows(same[:40], folds=4))
    assert alone.val_summary() == (None, None, None)
    assert alone.to_dict()["val"] is None
    assert json.loads(json.dumps(alone.to_dict(), allow_nan=False))["val_parts"] == 0


def test_the_document(golden):
    document = ten_fold(*golden).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["accuracy"] == pytest.approx(0.992166667, abs=1e-9)
    assert document["val_rule"] == "conservative"
    assert len(document["accuracies"]) == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metric": "x"}, "metric='x'"),
        ({"val_rule": "x"}, "val_rule='x'"),
        ({"folds": 1}, "found 1 parts of pairs, expected at least 2"),
        ({"folds": 99}, "folds=99: expected 1 to 4"),
    ],
)
def test_what_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        ten_fold(np.eye(8), pairs_of_rows([True, False] * 2), **change)


@pytest.mark.parametrize("features", [np.eye(7), np.zeros(8), np.array([["a"]] * 8), None])
def test_features_that_do_not_fit(features):
    with pytest.raises(InputError, match=r"features: found shape .*expected \(8, d\) numbers"):
        ten_fold(features, pairs_of_rows([True, False] * 2))
