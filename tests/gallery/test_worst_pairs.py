"""The least similar pair of each person, against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.gallery import worst_pairs as module
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.worst_pairs import find_worst_pairs


@settings(deadline=None)
@given(st.lists(st.integers(-1, 4), max_size=60), st.sampled_from([4, 16, 2048]))
def test_as_pair_by_pair(ids, side):
    features = np.random.default_rng(len(ids)).normal(size=(len(ids), 5)).astype(np.float32)
    labelled = Labelled(features, np.array(ids, np.int64), list("abcde"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SIDE", side)
        found = find_worst_pairs(labelled)
    expected = {}
    for person in range(5):
        members = labelled.members(person)
        pairs = [(i, j) for i in members for j in members if i < j]
        if pairs:
            expected[person] = min(pairs, key=lambda p: features[p[0]] @ features[p[1]])
    assert set(found.people.tolist()) == set(expected)
    assert (np.diff(found.score) >= 0).all()
    for person, first, second, score in zip(*found, strict=True):
        assert (first, second) == expected[person]
        assert score == pytest.approx(features[first] @ features[second], abs=1e-5)
