"""Near-identical features and persons under two names, against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.duplicates import find_duplicates, find_repeated_people
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.pivots import find_pivots


def people(count, size=6, seed=0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, size)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Labelled(features, random.integers(-1, 5, count), list("abcde"))


def listed(found):
    return [(*pair[:2], pytest.approx(pair[2], abs=1e-6)) for pair in zip(*found, strict=True)]


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 9), st.sampled_from(["all", "within", "across"]))
def test_duplicates(count, seed, where):
    labelled = people(count, seed=seed)
    features, ids = labelled.rows[0:count], labelled.ids
    scores = features @ features.T
    expected = []
    for i in range(count):
        for j in range(i + 1, count):
            same = ids[i] == ids[j] >= 0
            if scores[i, j] >= 0.5 and where in ("all", "within" if same else "across"):
                expected.append((i, j, scores[i, j]))
    expected.sort(key=lambda pair: -pair[2])
    found = find_duplicates(labelled, 0.5, where=where)
    assert listed(found.pairs) == expected
    assert not found.more
    few = find_duplicates(labelled, 0.5, where=where, limit=3)
    assert listed(few.pairs) == expected[:3]
    assert few.more == (len(expected) > 3)


def test_arrays_have_duplicates_too():
    features = np.eye(5, dtype=np.float32)[[0, 1, 2, 1]]
    assert find_duplicates(features).pairs.first.tolist() == [1]
    with pytest.raises(InputError, match="expected features with their persons"):
        find_duplicates(features, where="within")
    with pytest.raises(InputError, match="where="):
        find_duplicates(features, where="between")
    for threshold in (np.nan, "high", True):
        with pytest.raises(InputError, match="threshold="):
            find_duplicates(features, threshold)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 9), st.booleans())
def test_repeated_people(count, seed, only_pivots):
    labelled = people(count, seed=seed)
    pivots = find_pivots(labelled).rows
    expected = []
    for one in range(5):
        for other in range(one + 1, 5):
            if not (labelled.counts[one] and labelled.counts[other]):
                continue
            ours, theirs = labelled.members(one), labelled.members(other)
            if only_pivots:
                ours, theirs = pivots[[one]], pivots[[other]]
            features = labelled.rows[0:count]
            best = (features[ours] @ features[theirs].T).max()
            if best >= 0.2:
                expected.append((one, other, best))
    expected.sort(key=lambda pair: -pair[2])
    found = find_repeated_people(labelled, 0.2, only_pivots=only_pivots)
    assert listed(found.pairs) == expected
    few = find_repeated_people(labelled, 0.2, only_pivots=only_pivots, limit=2)
    assert listed(few.pairs) == expected[:2]
