"""Planted mistakes are ranked first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery import outliers as module
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.outliers import find_mislabelled, find_outliers
from zqcnn_xp.gallery.pivots import find_pivots


def noisy(people=20, images=8, seed=0):
    """Features of persons, in one order of persons."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, 64))
    ids = np.repeat(np.arange(people), images)
    features = centres[ids] + 0.4 * random.normal(size=(len(ids), 64))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), ids


def test_a_wrong_photo_is_first():
    features, ids = noisy()
    wrong = ids.copy()
    wrong[[10, 77]] = [5, 0]
    names = [f"p{number}" for number in range(22)]
    wrong[-1] = 20
    labelled = Labelled(features, wrong, names)
    found = find_outliers(labelled)
    assert set(found.rows[:2].tolist()) == {10, 77}
    assert dict(zip(found.rows[:2], found.people[:2], strict=True)) == {10: 5, 77: 0}
    assert (np.diff(found.to_pivot) >= 0).all()
    assert found.single.tolist() == [20]
    assert found.empty.tolist() == [21]
    # all but each person's pivot
    assert len(found.rows) == len(ids) - 21
    cut = find_outliers(labelled, 0.5, pivots=find_pivots(labelled))
    assert set(cut.rows.tolist()) == {10, 77}
    assert (cut.to_others < 0.4).all()


@settings(deadline=None)
@given(st.integers(0, 9), st.sampled_from([3, 4096]), st.none() | st.floats(0.2, 0.9))
def test_mislabelled_pair_by_pair(seed, block, below):
    features, ids = noisy(6, 5, seed)
    ids = np.where(np.random.default_rng(seed).random(30) < 0.2, (ids + 2) % 7 - 1, ids)
    labelled = Labelled(features, ids, list("abcdef"))
    pivots = find_pivots(labelled)
    expected = {}
    for row, person in enumerate(ids):
        if person < 0 or labelled.counts[person] < 2:
            continue
        mine = pivots.rows[person]
        own = features[row] @ features[mine]
        if row == mine:
            members = labelled.members(person)
            own = max(features[row] @ features[m] for m in members if m != row)
        others = {p: features[row] @ features[m] for p, m in enumerate(pivots.rows)}
        others = {p: s for p, s in others.items() if p != person and pivots.rows[p] >= 0}
        nearer = max(others, key=others.get)
        if others[nearer] - own > 0.01 and (below is None or own < below):
            expected[row] = (person, nearer, own, others[nearer])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_QUERIES", block)
        found = find_mislabelled(labelled, margin=0.01, below=below)
    assert set(found.rows.tolist()) == set(expected)
    for row, *values in zip(*found, strict=True):
        assert values == pytest.approx(expected[row], abs=1e-5)
    assert (np.diff(found.own - found.other) >= 0).all()


def test_nothing_to_judge():
    nobody = Labelled(np.eye(3, dtype=np.float32), np.array([-1, 0, 1]), ["a", "b", "c"])
    assert len(find_outliers(nobody).rows) == len(find_mislabelled(nobody).rows) == 0
    with pytest.raises(InputError, match="margin="):
        find_mislabelled(nobody, margin=np.nan)
