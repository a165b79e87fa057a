from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.bootstrap import accepted_count, bootstrap, interval
from zqcnn_xp.evaluation.genuine_scores import genuine_scores
from zqcnn_xp.evaluation.top_impostors import top_impostors
from zqcnn_xp.evaluation.vectors import Vectors

FARS = [0.01, 0.1]


def _set() -> tuple[Vectors, np.ndarray]:
    rng = np.random.default_rng(4)
    identities = np.repeat(np.arange(12), [2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 1])
    features = rng.normal(size=(12, 8))[identities] + 0.8 * rng.normal(size=(38, 8))
    return Vectors(features), identities


def _repeated(vectors: Vectors, identities: np.ndarray, weight: np.ndarray) -> tuple[list, list]:
    """Scores of a set in which each person really occurs as often as drawn."""
    genuine, impostors = [], []
    n = len(identities)
    for i in range(n):
        for j in range(i + 1, n):
            score = float(vectors.scores(np.array([i]), np.array([j]))[0])
            a, b = identities[i], identities[j]
            if a == b:
                genuine += [score] * weight[a]
            else:
                impostors += [score] * (weight[a] * weight[b])
    return genuine, sorted(impostors, reverse=True)


def test_draws_equal_sets_with_repeated_people() -> None:
    vectors, identities = _set()
    genuine = genuine_scores(vectors, identities)
    top = top_impostors(vectors, identities, 10**6)
    found = bootstrap(genuine, top, identities, FARS, 25, seed=3)
    rng = np.random.default_rng(3)
    for draw in range(25):
        weight = rng.multinomial(12, np.full(12, 1 / 12))
        same, different = _repeated(vectors, identities, weight)
        for column, far in enumerate(FARS):
            threshold = different[accepted_count(far, len(different)) - 1]
            assert found.threshold[draw, column] == threshold
            expected = np.mean(np.array(same) >= threshold)
            assert found.tar[draw, column] == pytest.approx(expected, abs=1e-12)


def test_a_draw_beyond_the_kept_impostors_is_marked() -> None:
    vectors, identities = _set()
    genuine = genuine_scores(vectors, identities)
    rank = accepted_count(0.1, top_count := 38 * 37 // 2 - len(genuine.score))
    assert rank > 50 < top_count
    found = bootstrap(genuine, top_impostors(vectors, identities, rank), identities, [0.1], 40)
    beyond = np.isneginf(found.threshold[:, 0])
    assert 0 < beyond.sum() < 40
    assert np.isposinf(found.tar[beyond, 0]).all()
    assert interval(found.threshold[:, 0])[0] is None


def test_a_rate_that_accepts_nobody_is_marked() -> None:
    vectors, identities = _set()
    genuine = genuine_scores(vectors, identities)
    found = bootstrap(genuine, top_impostors(vectors, identities, 9), identities, [1e-6], 3)
    assert np.isposinf(found.threshold).all()
    assert np.isneginf(found.tar).all()


def test_the_seed_decides() -> None:
    vectors, identities = _set()
    genuine = genuine_scores(vectors, identities)
    top = top_impostors(vectors, identities, 500)
    one, same, other = (bootstrap(genuine, top, identities, FARS, 9, seed) for seed in (1, 1, 2))
    assert (one.tar == same.tar).all()
    assert (one.tar != other.tar).any()
    with pytest.raises(InputError, match="0 replicates"):
        bootstrap(genuine, top, identities, FARS, 0)
    with pytest.raises(InputError, match="seed -1"):
        bootstrap(genuine, top, identities, FARS, 1, -1)


def test_interval_covers_as_often_as_it_says() -> None:
    """Of sets drawn from one population, about 95 % of the intervals hold its rate."""
    rng = np.random.default_rng(8)
    held = 0
    big = 1500
    centres = rng.normal(size=(big, 12))

    def scored(people: np.ndarray, seed: int) -> tuple[Vectors, np.ndarray]:
        noise = np.random.default_rng(seed)
        labels = np.repeat(np.arange(len(people)), 3)
        features = centres[people][labels] + 0.9 * noise.normal(size=(len(labels), 12))
        return Vectors(features), labels

    def rate(vectors: Vectors, labels: np.ndarray) -> float:
        genuine = genuine_scores(vectors, labels)
        n = len(labels)
        rank = accepted_count(0.01, n * (n - 1) / 2 - len(genuine.score))
        top = top_impostors(vectors, labels, rank)
        return float((genuine.score >= top.score[rank - 1]).mean())

    truth = rate(*scored(np.arange(big), 0))
    rounds = 60
    for seed in range(1, rounds + 1):
        vectors, labels = scored(rng.choice(big, 80, replace=False), seed)
        genuine = genuine_scores(vectors, labels)
        top = top_impostors(vectors, labels, 800)
        low, high = interval(bootstrap(genuine, top, labels, [0.01], 150, seed).tar[:, 0])
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    assert 0.85 * rounds <= held
