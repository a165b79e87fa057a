"""The ROC curve: by counting one by one, with equal scores, at every rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import cosines
from zqcnn_xp.evaluation.roc import RULES, Roc

SCORES = st.lists(st.integers(-8, 8).map(lambda k: k / 8), min_size=1, max_size=30)
RATES = st.sampled_from([0, 1e-3, 0.01, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1.0])


@given(SCORES, SCORES)
def test_every_step_is_what_counting_gives(genuine, impostor):
    roc = Roc.of(genuine, impostor)
    assert roc.thresholds[0] == np.inf
    assert roc.thresholds[1:].tolist() == sorted({*genuine, *impostor}, reverse=True)
    for k, threshold in enumerate(roc.thresholds):
        assert roc.accepted_genuine[k] == sum(score >= threshold for score in genuine)
        assert roc.accepted_impostor[k] == sum(score >= threshold for score in impostor)
    assert roc.genuine == len(genuine)
    assert roc.impostor == len(impostor)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(genuine, impostor):
    expected = mannwhitneyu(genuine, impostor, method="asymptotic").statistic
    assert Roc.of(genuine, impostor).auc == pytest.approx(
        expected / len(genuine) / len(impostor), abs=1e-12
    )


@given(SCORES, SCORES, RATES)
def test_the_conservative_threshold_is_the_lowest_allowed(genuine, impostor, target):
    point = Roc.of(genuine, impostor).tpr_at_far(target)
    assert point.far == sum(score >= point.threshold for score in impostor) / len(impostor)
    assert point.far <= target
    assert point.tpr == sum(score >= point.threshold for score in genuine) / len(genuine)
    lower = [score for score in {*genuine, *impostor} if score < point.threshold]
    if lower:
        assert sum(score >= max(lower) for score in impostor) / len(impostor) > target
    assert point.interval.low <= point.tpr <= point.interval.high


@given(SCORES, SCORES, RATES)
def test_the_kth_impostor(genuine, impostor, target):
    point = Roc.of(genuine, impostor).tpr_at_far(target, "kth-impostor")
    k = int(target * len(impostor) + 0.5)
    if k == 0:
        assert point == Roc.of(genuine, impostor).tpr_at_far(0) or point.far == 0
        return
    assert point.threshold == sorted(impostor, reverse=True)[k - 1]
    assert point.tpr == sum(score >= point.threshold for score in genuine) / len(genuine)


@given(SCORES, SCORES, RATES)
def test_the_nearest_corner(genuine, impostor, target):
    roc = Roc.of(genuine, impostor)
    # As the scripts for IJB do: the curve of scikit-learn, turned over, the first nearest.
    far, tpr = [0.0], [0.0]
    steps = list(zip(roc.accepted_impostor[1:], roc.accepted_genuine[1:], strict=True))
    for k, (fp, tp) in enumerate(steps):
        if 0 < k < len(steps) - 1:
            (fp0, tp0), (fp1, tp1) = steps[k - 1], steps[k + 1]
            if fp - fp0 == fp1 - fp and tp - tp0 == tp1 - tp:
                continue
        far.append(fp / roc.impostor)
        tpr.append(tp / roc.genuine)
    nearest = min(range(len(far)), key=lambda k: (abs(far[k] - target), -k))
    point = roc.tpr_at_far(target, "nearest")
    assert point.far == far[nearest]
    assert point.tpr == tpr[nearest]


@given(SCORES, SCORES, RATES)
def test_interpolated_lies_between(genuine, impostor, target):
    roc = Roc.of(genuine, impostor)
    point, floor = roc.tpr_at_far(target, "interpolated"), roc.tpr_at_far(target)
    above = roc.tpr[roc.far > target]
    assert floor.tpr - 1e-12 <= point.tpr <= (above[0] if len(above) else 1) + 1e-12
    if target not in roc.far:
        assert point.tpr == pytest.approx(np.interp(target, roc.far, roc.tpr))


@given(SCORES, SCORES)
def test_the_equal_error_rate_is_where_the_lines_cross(genuine, impostor):
    roc = Roc.of(genuine, impostor)
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(roc.far)) + np.abs(np.diff(roc.tpr)))])

    def excess(along):
        return np.interp(along, length, roc.far) - 1 + np.interp(along, length, roc.tpr)

    along = brentq(excess, 0, length[-1], xtol=1e-14)
    assert roc.eer() == pytest.approx(np.interp(along, length, roc.far), abs=1e-9)
    assert abs(roc.eer("step") - roc.eer()) <= np.diff(roc.far).max() + np.diff(roc.tpr).max()


def test_all_equal_scores():
    roc = Roc.of([1, 1], [1, 1, 1])
    assert roc.auc == 0.5
    assert roc.eer() == 0.5
    assert roc.tpr_at_far(0.9).tpr == 0
    assert roc.tpr_at_far(0.9).threshold == np.inf
    assert roc.tpr_at_far(0.9).to_dict()["threshold"] is None
    assert roc.tpr_at_far(1).tpr == 1


def test_perfect_and_reversed():
    assert Roc.of([2, 3], [0, 1]).eer() == 0
    assert Roc.of([2, 3], [0, 1]).auc == 1
    assert Roc.of([0, 1], [2, 3]).eer() == 1
    assert Roc.of([0, 1], [2, 3]).auc == 0


def test_what_is_not_finite_is_counted():
    roc = Roc.of([1, np.nan, 0.5], [0.2, np.inf, -np.inf, 0.7])
    assert roc.not_finite == 3
    assert (roc.genuine, roc.impostor) == (2, 2)
    assert roc.auc == 0.75


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Roc.of([], [1]), "found 0 genuine and 1 impostor scores that are finite"),
        (lambda: Roc.of([1], [np.nan]), "found 1 genuine and 0 impostor"),
        (lambda: Roc.of([1], [0]).tpr_at_far(2), "target=2"),
        (lambda: Roc.of([1], [0]).tpr_at_far(0.5, "x"), "rule='x'"),
        (lambda: Roc.of([1], [0]).eer("x"), "rule='x': expected interpolated or step"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.fixture(scope="module")
def golden(shared_data):
    with np.load(shared_data / "golden" / "eval" / "verification.npz") as file:
        embeddings, same = file["embeddings"], file["same"]
    scores = cosines(embeddings[::2], embeddings[1::2])
    return Roc.of(scores[same], scores[~same])


def test_golden(golden):
    assert golden.auc == pytest.approx(0.999799444, abs=1e-9)
    assert golden.eer() == pytest.approx(0.007, abs=1e-9)
    assert golden.eer("step") == pytest.approx(0.007, abs=1e-9)
    for rule in RULES:
        assert golden.tpr_at_far(0, rule).tpr == pytest.approx(0.918, abs=1e-9)
    assert golden.tpr_at_far(0.01).tpr == pytest.approx(0.996, abs=1e-9)
    assert golden.tpr_at_far(0.001).tpr == pytest.approx(0.976333333, abs=1e-9)


def test_millions_of_scores():
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(2, 1, 200_000), rng.normal(0, 1, 1_000_000)
    roc = Roc.of(genuine, impostor)
    # two normal distributions at distance 2: the area is Phi(2 / sqrt 2), the rate Phi(-1)
    assert roc.auc == pytest.approx(0.92135, abs=2e-3)
    assert roc.eer() == pytest.approx(0.15866, abs=2e-3)
    assert roc.tpr_at_far(0.001).far == 0.001
