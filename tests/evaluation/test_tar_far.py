"""TAR at FAR against a full matrix of scores that is sorted whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.far_points import FARS, ZQCNN_FARS
from zqcnn_xp.evaluation.tar_far import tar_at_far


def _full(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor scores of all pairs."""
    scores = features.astype(np.float64) @ features.astype(np.float64).T
    lower, same = np.tril(np.ones(scores.shape, bool), -1), labels[:, None] == labels
    return scores[lower & same], scores[lower & ~same]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(4, 60),
    st.integers(2, 9),
    st.integers(1, 8),
    st.lists(st.floats(1e-6, 0.999), min_size=1, max_size=5),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_equals_a_full_sort(
    seed: int, n: int, people: int, steps: int, fars: list[float], dtype: Any
) -> None:
    # Few distinct values, whose products are exact: many scores are equal.
    rng = np.random.default_rng(seed)
    features = (rng.integers(-steps, steps + 1, (n, 4)) / 8).astype(dtype)
    labels = rng.permutation(np.arange(n) % people)
    if n <= people:
        return
    genuine, impostors = _full(features, labels)
    ordered = np.sort(impostors)[::-1]
    found = tar_at_far(features, labels, fars, normalise=False, backend="numpy", threads=1)
    assert (found.genuine, found.impostors) == (len(genuine), len(impostors))
    for point, far in zip(found.points, fars, strict=True):
        assert (point.far, point.rank) == (far, int(far * len(impostors) + 0.5))
        if point.rank == 0:
            assert point.threshold is point.tar is point.far_interval is None
            continue
        assert point.threshold == ordered[point.rank - 1]
        assert point.impostors_accepted == (impostors >= point.threshold).sum() >= point.rank
        assert point.genuine_accepted == (genuine >= point.threshold).sum()
        assert point.tar == np.mean(genuine >= point.threshold)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 80), st.floats(0.01, 0.9))
def test_cosines_equal_a_full_sort(seed: int, n: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(n, 7)) * rng.uniform(0.1, 9, (n, 1)), np.arange(n) // 3
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    genuine, impostors = _full(units, labels)
    found = tar_at_far(features.astype(np.float32), labels, [far], threads=1).points[0]
    if found.threshold is None:
        assert far * len(impostors) < 0.5
        return
    assert found.threshold == pytest.approx(np.sort(impostors)[-found.rank], abs=1e-6)
    assert found.impostors_accepted == found.rank
    assert found.tar == pytest.approx(np.mean(genuine >= found.threshold), abs=1e-6)


def test_golden_values(shared_data: Path) -> None:
    with np.load(shared_data / "golden" / "eval" / "tar_far.npz") as file:
        features, labels = file["embeddings"], file["labels"]
    found = tar_at_far(features, labels, [1e-5, 1e-4, 1e-3], replicates=20)
    assert (found.genuine, found.impostors) == (38_000, 7_960_000)
    expected = [
        (80, 0.365762055, 0.140421053),
        (796, 0.320399920, 0.307842105),
        (7960, 0.269081438, 0.552973684),
    ]
    for point, (rank, threshold, tar) in zip(found.points, expected, strict=True):
        assert point.rank == point.impostors_accepted == rank
        assert round(point.threshold, 9) == threshold
        assert round(point.tar, 9) == tar
        for ends, value in (
            (point.far_interval, point.far),
            (point.tar_interval, point.tar),
            (point.threshold_interval, point.threshold),
        ):
            assert ends[0] < value < ends[1]
        assert point.outside == 0


def test_scores_do_not_depend_on_backend_threads_or_order() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(400), 5)
    features = rng.normal(size=(400, 32))[labels] + rng.normal(size=(2000, 32))
    features = features.astype(np.float32)
    order = rng.permutation(2000)
    first = tar_at_far(features, labels, [1e-5, 1e-3], backend="numpy", threads=1, replicates=9)
    for other in (
        tar_at_far(features, labels, [1e-5, 1e-3], backend="jax", threads=2, replicates=9),
        tar_at_far(features[order], labels[order], [1e-5, 1e-3], threads=2, replicates=9),
    ):
        assert other.points == first.points
        np.testing.assert_array_equal(other.curve, first.curve)


def test_curve_is_the_operating_points_from_the_least_rate_on() -> None:
    rng = np.random.default_rng(6)
    labels = np.repeat(np.arange(300), 4)
    found = tar_at_far(rng.normal(size=(300, 16))[labels] + rng.normal(size=(1200, 16)), labels)
    far, tar, threshold = found.curve.T
    assert (np.diff(far) > 0).all()
    assert (np.diff(tar) >= 0).all()
    assert (np.diff(threshold) < 0).all()
    point = found.points[-1]
    last = (point.impostors_accepted / found.impostors, point.tar, point.threshold)
    assert found.curve[-1].tolist() == list(last)


def test_highest_impostor_pairs() -> None:
    rng = np.random.default_rng(7)
    features, labels = rng.normal(size=(60, 12)), np.arange(60) // 3
    features[50] = 2 * features[4] + 0.01 * rng.normal(size=12)  # one person, two names
    highest = tar_at_far(features, labels, [0.01]).highest
    assert (highest.first[0], highest.second[0]) == (4, 50)
    assert highest.score[0] > 0.99
    assert (np.diff(highest.score) <= 0).all()
    assert (labels[highest.first] != labels[highest.second]).all()


def test_a_rate_too_small_for_the_set() -> None:
    features, labels = np.eye(8) + 0.1, np.arange(8) // 2
    found = tar_at_far(features, labels, [1e-8, 0.5], replicates=3)
    assert found.points[0].rank == 0
    assert found.points[0].threshold is found.points[0].tar is found.points[0].tar_interval is None
    assert found.points[1].tar is not None


def test_rows_without_a_direction() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(40, 6)), np.arange(40) // 4
    broken = features.copy()
    broken[3], broken[17, 2], broken[39, 0] = 0, np.nan, np.inf
    with pytest.raises(InputError, match=r"found 3 rows .*: 3, 17, 39$"):
        tar_at_far(broken, labels, [0.1])
    found = tar_at_far(broken, labels, [0.1], drop_bad=True)
    assert found.dropped == (3, 17, 39)
    kept = np.delete(np.arange(40), [3, 17, 39])
    same = tar_at_far(features[kept], labels[kept], [0.1])
    assert found.points == same.points
    assert len(found.highest.score) == 100
    for row, other in zip(found.highest[1:], same.highest[1:], strict=True):
        assert row.tolist() == kept[other].tolist()


def test_texts_are_labels_too() -> None:
    features = np.random.default_rng(2).normal(size=(12, 5))
    labels = np.arange(12) // 3
    names = np.array(["ann", "bo", "cy", "di"])[labels]
    assert tar_at_far(features, names, [0.1]).points == tar_at_far(features, labels, [0.1]).points


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(6, int), "15 genuine and 0 impostor pairs of 1 identities"),
        (np.arange(6), "0 genuine and 15 impostor pairs of 6 identities"),
        (np.zeros(5, int), r"found labels \(5,\)"),
        (np.zeros(6), "of float64"),
    ],
)
def test_sets_that_have_no_answer(labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tar_at_far(np.eye(6), labels)


@pytest.mark.parametrize("fars", [[0.0], [1.0], [-1e-3], [np.nan], []])
def test_rates_that_are_none(fars: list[float]) -> None:
    with pytest.raises(InputError, match="expected rates between 0 and 1"):
        tar_at_far(np.eye(6), np.arange(6) // 2, fars)


def test_features_that_are_none() -> None:
    with pytest.raises(InputError, match=r"expected \(n, d\)"):
        tar_at_far(np.ones((4, 3), np.int64), np.arange(4))
    with pytest.raises(InputError, match=r"expected \(n, d\)"):
        tar_at_far(np.ones(4), np.arange(4))


def test_the_rates_of_the_original() -> None:
    assert FARS == (1e-8, 1e-7, 1e-6, 1e-5)
    assert (len(ZQCNN_FARS), ZQCNN_FARS[0], ZQCNN_FARS[5], ZQCNN_FARS[-1]) == (16, 1e-8, 5e-7, 1e-3)


def test_copies_of_an_image_share_one_rank():
    # pictures under several names: the threshold is exactly 1, and all copies reach it
    rng = np.random.default_rng(0)
    rows = np.tile(rng.normal(size=(40, 64)), (3, 1)).astype(np.float32)
    labels = np.concatenate([np.arange(40), np.arange(40), (np.arange(40) + 1) % 40])
    found = tar_at_far(rows, labels, [1e-3])
    (point,) = found.points
    assert point.rank == 7
    assert point.threshold == 1
    assert (point.impostors_accepted, point.genuine_accepted) == (80, 40)


def test_draws_that_reach_further_down_than_the_impostors_kept_first() -> None:
    # two people who look alike have the first 10,000 impostor pairs: most draws lack one of them
    rng = np.random.default_rng(7)
    labels = np.concatenate([np.repeat(np.arange(150), 4), np.repeat([150, 151], 100)])
    centres = 3 * rng.normal(size=(152, 16))
    centres[151] = centres[150]
    features = centres[labels] + rng.normal(size=(800, 16))
    (point,) = tar_at_far(features, labels, [0.016], replicates=60).points
    assert 4000 < point.rank < 6000
    assert point.outside == 0
    assert point.threshold_interval is not None
    low, high = point.threshold_interval
    assert low is not None
    assert low < point.threshold < high
