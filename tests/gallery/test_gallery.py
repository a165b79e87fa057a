"""1:N and 1:1 against the best over all pairs of a probe's and a person's features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery import gallery as module
from zqcnn_xp.gallery.gallery import Gallery
from zqcnn_xp.gallery.labelled import Labelled


def unit(count, size=16, seed=0):
    features = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@settings(deadline=None)
@given(
    seed=st.integers(0, 20),
    people=st.integers(1, 12),
    k=st.integers(1, 6),
    threshold=st.none() | st.sampled_from([0.0, 0.3, 0.9]),
    groups=st.none() | st.lists(st.integers(0, 3), min_size=6, max_size=6),
    crowd=st.integers(0, 150),
    found=st.sampled_from([1, 40, 1 << 22]),
)
def test_as_all_pairs_say(seed, people, k, threshold, groups, crowd, found):
    random = np.random.default_rng(seed)
    ids = random.integers(-1, people, 40)
    features = np.concatenate([unit(40, seed=seed), unit(6, seed=-seed % 97 + 100)])
    features, probes = features[:40], features[40:]
    # One person has many features near a probe, which crowd out the others.
    near = probes[0] + 0.05 * random.normal(size=(crowd, 16))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    features = np.concatenate([features, near.astype(np.float32)])
    ids = np.concatenate([ids, np.zeros(crowd, int)])
    gallery = Gallery(Labelled(features, ids, [f"p{n}" for n in range(people)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FOUND", found)
        result = gallery.identify(probes, k, threshold=threshold, groups=groups)
    keys = list(dict.fromkeys(groups or range(6)))
    assert len(result) == len(keys)
    for key, candidates in zip(keys, result, strict=True):
        mine = probes[[g == key for g in groups or range(6)]]
        best = {
            person: (mine @ features[ids == person].T).max()
            for person in range(people)
            if (ids == person).any()
        }
        expected = sorted(best, key=lambda p: -best[p])[:k]
        if threshold is not None:
            expected = [p for p in expected if best[p] >= threshold]
        assert [c.person for c in candidates] == [f"p{p}" for p in expected]
        for candidate, person in zip(candidates, expected, strict=True):
            assert ids[candidate.row] == person
            assert candidate.score == pytest.approx(best[person], abs=1e-6)
            assert (mine @ features[candidate.row]).max() == pytest.approx(best[person], abs=1e-6)


def test_search_and_verify():
    features, labels = unit(30), [f"p{n % 4}" for n in range(30)]
    gallery = Gallery(features, labels)
    probes = unit(3, seed=5)
    scores = probes @ features.T
    found = gallery.search(probes, 7)
    np.testing.assert_array_equal(found.indices, np.argsort(-scores, axis=1)[:, :7])
    np.testing.assert_allclose(gallery.verify("p2", probes), scores[:, 2::4].max(1), atol=1e-6)
    with pytest.raises(InputError, match="no person 'p9'"):
        gallery.verify("p9", probes)


def test_wrong_arguments():
    gallery = Gallery(unit(5), list("abcab"))
    for probes in (unit(5)[0], unit(2, 17), np.zeros((2, 16), int)):
        with pytest.raises(InputError, match="found probes of"):
            gallery.identify(probes)
    for k in (0, True, 1.5):
        with pytest.raises(InputError, match="k="):
            gallery.identify(unit(2), k)
    with pytest.raises(InputError, match="found 1 groups for 2 probes"):
        gallery.identify(unit(2), groups=[0])
    with pytest.raises(InputError, match="without labels"):
        Gallery(unit(5))


def test_an_empty_gallery_knows_nobody():
    gallery = Gallery(np.zeros((0, 16), np.float32), [])
    assert gallery.identify(unit(2)).best == [None, None]
    assert len(gallery) == 0
