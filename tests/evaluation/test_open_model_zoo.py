"""Open Model Zoo's verification: golden figures, and its loops image by image."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import unit
from zqcnn_xp.evaluation.open_model_zoo import pairwise_accuracy
from zqcnn_xp.evaluation.pairs import PairSet, pairs_of_rows, read_pairs


def test_lfw(shared_data):
    pairs = read_pairs(shared_data / "lfw" / "pairs.txt")
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        place = {name: row for row, name in enumerate(file["files"])}
        features = file["feat"][[place[name] for name in pairs.names]]
    found = pairwise_accuracy(features, pairs, order="pairs")
    assert found.accuracy == pytest.approx(0.99150, abs=5e-6)
    # in its own order parts hold more of one kind: that moves the median, a lot for two parts
    assert 0.985 < pairwise_accuracy(features, pairs).accuracy < 0.995
    assert pairwise_accuracy(features, pairs, subsets=2).accuracy < 0.95


def by_hand(features, pairs, subsets, *, cosine, best, subtract_mean):
    """The checker's annotations and loops."""
    positive, negative, images = defaultdict(dict), defaultdict(dict), {}
    for wanted, found in ((True, positive), (False, negative)):
        for left, right, same in zip(pairs.left, pairs.right, pairs.same, strict=True):
            if same == wanted:
                found[left][right] = None
                images[left] = images[right] = None
    first = [image for image in images if positive[image] or negative[image]]
    rows = unit(features)

    def distances(chosen, mean=None):
        listed = [(a, b, True) for a in chosen for b in positive[a]]
        # one image's pairs after the other's, as they are listed there
        listed = []
        for a in chosen:
            listed += [(a, b, True) for b in positive[a]]
            listed += [(a, b, False) for b in negative[a]]
        one, other = (np.array([rows[pair[k]] for pair in listed]) for k in (0, 1))
        if mean is None:
            mean = np.concatenate([one, other]).mean(0) if subtract_mean else 0
        one, other = one - mean, other - mean
        dot = (one * other).sum(1)
        if cosine:
            lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
            away = np.arccos(np.clip(dot / lengths, -1, 1)) / np.pi
        else:
            away = 0.5 * (1 - dot)
        return away, np.array([pair[2] for pair in listed]), mean

    result = []
    for k in range(subsets):
        low, high = k * len(first) // subsets, (k + 1) * len(first) // subsets
        away, same, mean = distances(first[:low] + first[high:])
        if best:
            grid = np.arange(0, 4, 0.01)
            limit = grid[np.argmax([((away < t) == same).sum() for t in grid])]
        else:
            limit = np.median(away)
        away, same, _ = distances(first[low:high], mean)
        result.append(((away < limit) == same).mean())
    return result


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4), st.booleans(), st.booleans(), st.booleans())
def test_the_same_as_by_hand(seed, subsets, cosine, best, subtract_mean):
    rng = np.random.default_rng(seed)
    # No image with itself: its distance is 0, give or take what the order of a sum rounds, and 0
    # is a threshold that may be the best.
    left, right = rng.permutation(np.argwhere(~np.eye(10, dtype=bool)))[:20].T
    same = rng.random(20) < 0.5
    names = tuple(map(str, range(10)))
    pairs = PairSet("pairs", names, left, right, same, np.zeros(20, np.int64))
    features = rng.normal(size=(10, 6))
    subsets = min(subsets, len(set(left)))
    found = pairwise_accuracy(
        features,
        pairs,
        subsets=subsets,
        distance="cosine_distance" if cosine else "euclidian_distance",
        threshold="best_train_threshold" if best else "train_median",
        subtract_mean=subtract_mean,
    )
    expected = by_hand(
        features, pairs, subsets, cosine=cosine, best=best, subtract_mean=subtract_mean
    )
    assert found.accuracies.tolist() == pytest.approx(expected)


def test_pairs_with_images_of_their_own_need_no_order():
    rng = np.random.default_rng(0)
    pairs = pairs_of_rows(rng.random(50) < 0.5)
    features = rng.normal(size=(100, 4))
    found = pairwise_accuracy(features, pairs, order="pairs")
    sizes = [5] * 10
    assert found.accuracies * sizes == pytest.approx(np.round(found.accuracies * sizes))
    assert json.loads(json.dumps(found.to_dict()))["subsets"] == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance": "x"}, "found 'x', expected one of euclidian_distance"),
        ({"threshold": "x"}, "found 'x', expected one of train_median"),
        ({"order": "x"}, "found 'x', expected one of lfw, pairs"),
        ({"subsets": 1}, "subsets=1: found 4 first images"),
        ({"subsets": 5}, "subsets=5: found 4 first images"),
    ],
)
def test_what_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        pairwise_accuracy(np.eye(8), pairs_of_rows([True, False] * 2), **change)
