"""One trial of BLUFR against the rules written out with full sorts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.blufr_trial import open_set, thresholds, verification

FARS = np.array([0, 1e-3, 0.05, 0.25, 0.5, 0.75, 1])
RANKS = np.array([1, 2, 5])


def _matlab_thresholds(impostors: np.ndarray, genuine: np.ndarray) -> list[float]:
    """Thresholds as the original has them: a full sort, and round() away from zero."""
    ordered = np.sort(impostors.astype(np.float64))[::-1]
    genuine = genuine.astype(np.float64)
    found = []
    for far in FARS:
        accepted = int(np.trunc(far * len(ordered) + 0.5))
        if accepted == 0:
            higher = [score for score in genuine if score > ordered[0]]
            found.append((ordered[0] + min(higher)) / 2 if higher else ordered[0] + 2.0**-26)
        elif accepted == len(ordered):
            found.append(min(ordered[-1], genuine.min()) - 2.0**-26)
        else:
            found.append(ordered[accepted - 1])
    return found


def _quantised(seed: int, n: int, d: int, steps: int) -> np.ndarray:
    """Features whose dot products are exact and often equal."""
    return np.random.default_rng(seed).integers(-steps, steps + 1, (n, d)).astype(np.float32) / 8


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(4, 40), st.integers(2, 6), st.integers(1, 9))
def test_verification(seed: int, n: int, identities: int, steps: int) -> None:
    features = _quantised(seed, n, 3, steps)
    labels = np.arange(n) % identities
    if n <= identities:
        return
    rates, limits, counts = verification(features, labels, FARS)
    scores = features @ features.T
    lower, same = np.tril(np.ones((n, n), bool), -1), labels[:, None] == labels
    genuine, impostors = scores[lower & same], scores[lower & ~same]
    assert counts == (len(genuine), len(impostors))
    assert limits.tolist() == _matlab_thresholds(impostors, genuine)
    assert rates.tolist() == [np.mean(genuine.astype(np.float64) >= limit) for limit in limits]


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(2, 40), st.integers(1, 9))
def test_open_set(seed: int, people: int, n: int, steps: int) -> None:
    gallery, probes = _quantised(seed, people + 2, 3, steps), _quantised(seed + 1, n, 3, steps)
    gallery_labels = np.r_[np.arange(people), 0, 0]  # one person has three images
    probe_labels = np.arange(n) % (people + 1)  # the last one is in no gallery
    if n <= people:
        return
    rates, limits, counts = open_set(gallery, gallery_labels, probes, probe_labels, FARS, RANKS)
    genuine, places, impostors = [], [], []
    for probe, label in zip(probes, probe_labels, strict=True):
        scores = gallery @ probe
        own = np.flatnonzero(gallery_labels == label)
        if not own.size:
            impostors.append(scores.max())
            continue
        best = own[scores[own].argmax()]
        genuine.append(scores[best])
        places.append(1 + np.argsort(-scores, kind="stable").tolist().index(best))
    assert counts == (len(genuine), len(impostors))
    assert limits.tolist() == _matlab_thresholds(np.array(impostors), np.array(genuine))
    right = np.array(genuine, np.float64)[None, :, None] >= limits
    near = np.array(places)[None, :, None] <= RANKS[:, None, None]
    np.testing.assert_array_equal(rates, (right & near).mean(axis=1))


def test_halves_are_rounded_up() -> None:
    scores = np.arange(10, 0, -1.0)
    fars = np.array([0.05, 0.25, 0.45])  # 0.5, 2.5 and 4.5 of ten
    found = thresholds(fars, 10, lambda ranks: scores[ranks - 1], np.array([0.0]))
    assert found.tolist() == [10, 8, 6]


def test_nothing_genuine_is_an_error() -> None:
    with pytest.raises(InputError, match="0 genuine and 3 impostor"):
        verification(np.eye(3, dtype=np.float32), np.arange(3), FARS)


def test_a_gallery_of_everybody_is_an_error() -> None:
    units = np.eye(2, dtype=np.float32)
    with pytest.raises(InputError, match="2 probes in the gallery and 0"):
        open_set(units, np.arange(2), units, np.arange(2), FARS, RANKS)
