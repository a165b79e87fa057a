"""The pivot is the feature with the largest sum of similarities, as pair by pair says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.gallery import labelled as labelled_module
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.pivots import find_pivots


def unit(count, size=8, seed=0):
    features = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def pair_by_pair(features, ids, people):
    rows, to_others = np.full(people, -1), np.full(len(ids), np.nan)
    to_pivot = np.full(len(ids), np.nan)
    for person in range(people):
        members = np.flatnonzero(ids == person)
        if not len(members):
            continue
        scores = (features[members] @ features[members].T).astype(np.float64)
        np.fill_diagonal(scores, 0)
        sums = scores.sum(axis=1)
        pivot = np.flatnonzero(sums >= sums.max() - 1e-6 * max(1, len(members) - 1))[0]
        rows[person] = members[pivot]
        to_pivot[members] = features[members] @ features[members[pivot]]
        if len(members) > 1:
            to_others[members] = sums / (len(members) - 1)
    return rows, to_pivot, to_others


@pytest.mark.parametrize("size", [1 << 14, 10])
@settings(deadline=None)
@given(ids=st.lists(st.integers(-1, 4), max_size=60), seed=st.integers(0, 5))
def test_as_pair_by_pair(size, ids, seed):
    features, ids = unit(len(ids), seed=seed), np.array(ids, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        for method in (Labelled.blocks, Labelled.parts):
            defaults = tuple(
                size if d == labelled_module._BLOCK else d for d in method.__defaults__
            )
            patch.setattr(method, "__defaults__", defaults)
        found = find_pivots(Labelled(features, ids, list("abcde")))
    rows, to_pivot, to_others = pair_by_pair(features, ids, 5)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.to_pivot, to_pivot, atol=2e-6)
    np.testing.assert_allclose(found.to_others, to_others, atol=2e-6)


def test_of_two_the_first_is_the_pivot():
    for seed in range(50):
        features = unit(3, seed=seed)
        found = find_pivots(Labelled.of(features, ["Bo", "Ann", "Ann"]))
        assert found.rows.tolist() == [0, 1]
        assert found.to_pivot[1] == 1
