from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zqcnn_xp.evaluation.genuine_scores as module
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.genuine_scores import genuine_count, genuine_scores, pair_counts
from zqcnn_xp.evaluation.vectors import Vectors


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=50),
    st.sampled_from([1, 3, 50, 10**6]),
    st.sampled_from([1, 2]),
)
def test_every_genuine_pair_comes_once(people: list[int], pairs: int, threads: int) -> None:
    identities = np.array(people)
    vectors = Vectors(np.random.default_rng(len(people)).normal(size=(len(people), 5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAIRS", pairs)
        found = genuine_scores(vectors, identities, threads)
    i, j = np.triu_indices(len(people), 1)
    same = identities[i] == identities[j]
    expected = sorted(zip(vectors.scores(i, j)[same], identities[i][same], strict=True))
    assert sorted(zip(found.score, found.identity, strict=True)) == expected
    assert (np.diff(found.score) <= 0).all()
    assert pair_counts(identities) == (int(same.sum()), int((~same).sum()))
    assert genuine_count(identities) == same.sum()


def test_more_pairs_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GENUINE", 44)
    with pytest.raises(InputError, match="found 45 genuine pairs, expected at most 44"):
        genuine_scores(Vectors(np.ones((10, 2))), np.zeros(10, int))
