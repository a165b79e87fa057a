"""Clusters against plain loops, and what each rule does with a chain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.clustering import cluster
from zqcnn_xp.gallery.rows import quantize
from zqcnn_xp.registry import list_backends

ANGLES = st.lists(st.integers(0, 359), min_size=1, max_size=40)


def circle(angles):
    angles = np.radians(angles)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def cosine(degrees):
    """Return a threshold between whole degrees."""
    return float(np.cos(np.radians(degrees + 0.5)))


def apart(one, other):
    between = abs(one - other) % 360
    return min(between, 360 - between)


def roots(nodes, edge):
    """Return the first node of each component."""
    found = {}
    for start in nodes:
        ahead = [] if start in found else [start]
        while ahead:
            node = ahead.pop()
            if node not in found:
                found[node] = start
                ahead += [other for other in nodes if edge(node, other)]
    return found


def as_sets(labels):
    return {frozenset(np.flatnonzero(np.asarray(labels) == label)) for label in set(labels)}


@settings(deadline=None)
@given(ANGLES, st.integers(2, 60))
def test_components(angles, degrees):
    found = cluster(circle(angles), cosine(degrees))
    expected = roots(
        range(len(angles)), lambda i, j: i != j and apart(angles[i], angles[j]) <= degrees
    )
    assert as_sets(found.labels.tolist()) == as_sets([expected[i] for i in range(len(angles))])
    assert found.sizes.tolist() == sorted(found.sizes.tolist(), reverse=True)
    assert found.sizes.tolist() == np.bincount(found.labels).tolist()
    assert found.labels[found.representatives].tolist() == list(range(len(found.sizes)))


@settings(deadline=None)
@given(ANGLES, st.integers(2, 60), st.integers(1, 4))
def test_density(angles, degrees, neighbours):
    found = cluster(circle(angles), cosine(degrees), method="density", neighbours=neighbours)

    def near(i, j):
        return i != j and apart(angles[i], angles[j]) <= degrees

    every = range(len(angles))
    core = [sum(near(i, j) for j in every) >= neighbours for i in every]
    expected = roots([i for i in every if core[i]], lambda i, j: near(i, j) and core[j])
    for i in every:
        if core[i]:
            continue
        reach = [j for j in every if core[j] and near(i, j)]
        if not reach:
            assert found.sizes[found.labels[i]] == 1
            continue
        least = min(apart(angles[i], angles[j]) for j in reach)
        # Rounding decides between equally near ones.
        allowed = {found.labels[j] for j in reach if apart(angles[i], angles[j]) == least}
        assert found.labels[i] in allowed
    kept = [i for i in every if core[i]]
    labels = found.labels[kept].tolist()
    assert as_sets(labels) == as_sets([expected[i] for i in kept])


def test_a_chain_is_cut_by_density_and_by_masters_that_are_far():
    # two groups, and one photo between that resembles an outer one of each
    angles = [0, 5, 10, 40, 70, 75, 80]
    joined = cluster(circle(angles), cosine(30))
    assert joined.sizes.tolist() == [7]
    cut = cluster(circle(angles), cosine(30), method="density", neighbours=3)
    assert cut.sizes.tolist() == [4, 3]
    masters = cluster(circle(angles), cosine(29), method="masters", conquer=cosine(10))
    assert masters.sizes.tolist() == [3, 3, 1]
    everyone = cluster(circle(angles), cosine(40), method="masters", conquer=cosine(10))
    assert everyone.sizes.tolist() == [7]


def test_people_are_found_again():
    random = np.random.default_rng(0)
    centres = random.normal(size=(50, 64))
    people = np.sort(random.integers(0, 50, 1000))
    features = centres[people] + 0.3 * random.normal(size=(1000, 64))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    for rows in (features, quantize(features), features.astype(np.float16)):
        for method in ("components", "density", "masters"):
            found = cluster(rows, 0.7, method=method)
            assert as_sets(found.labels.tolist()) == as_sets(people.tolist()), method


def test_backends_agree():
    random = np.random.default_rng(2)
    features = random.normal(size=(700, 16)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    plain = cluster(features, 0.75, backend="numpy")
    assert 1 < plain.sizes[0] < 700
    names = [b.name for b in list_backends() if b.availability.ready and b.name != "numpy"]
    for name in names:
        for method in ("components", "masters"):
            expected = cluster(features, 0.75, backend="numpy", method=method, conquer=0.8)
            found = cluster(features, 0.75, backend=name, method=method, conquer=0.8)
            np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize(
    "wrong", [{"method": "kmeans"}, {"method": "density", "neighbours": 0}, {"threshold": np.inf}]
)
def test_wrong_arguments(wrong):
    with pytest.raises(InputError, match=list(wrong)[-1]):
        cluster(circle([0]), **({"threshold": 0.5} | wrong))


def test_no_features():
    found = cluster(np.zeros((0, 4), np.float32), 0.5)
    assert [len(part) for part in found] == [0, 0, 0]
