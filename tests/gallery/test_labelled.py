"""Persons come in order, whole where they fit, and every feature once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.labelled import Labelled


def numbered(count):
    """Features that say their row."""
    return np.arange(count, dtype=np.float32)[:, None]


@settings(deadline=None)
@given(st.lists(st.integers(-1, 6), max_size=80), st.integers(1, 20))
def test_blocks(ids, size):
    labelled = Labelled(numbered(len(ids)), np.array(ids, np.int64), list("abcdefg"))
    seen, last = [], -1
    for block in labelled.blocks(size):
        assert len(block.rows) <= size
        np.testing.assert_array_equal(block.features[:, 0], block.rows)
        np.testing.assert_array_equal(labelled.ids[block.rows], block.people[block.groups])
        if len(block.people) > 1:
            counts = np.diff(np.append(block.starts, len(block.rows)))
            np.testing.assert_array_equal(counts, labelled.counts[block.people])
        assert block.people[0] >= last
        last = block.people[-1]
        seen += block.rows.tolist()
    assert seen == [row for person in range(7) for row, p in enumerate(ids) if p == person]
    for person in range(7):
        assert labelled.members(person).tolist() == [r for r, p in enumerate(ids) if p == person]


def test_labels_become_numbers():
    labelled = Labelled.of(numbered(5), ["Bo", None, "Ann", "Bo", ""])
    assert labelled.people == ["Bo", "Ann"]
    assert labelled.ids.tolist() == [0, -1, 1, 0, -1]
    assert labelled.counts.tolist() == [2, 1]


def test_labels_of_a_store():
    class Store:
        rows = numbered(4)

        def label_ids(self):
            return np.array([2, 0, 1, 2]), ["Ann", "", "Bo"]

    labelled = Labelled.of(Store())
    assert labelled.ids.tolist() == [2, 0, -1, 2]
    assert labelled.counts.tolist() == [1, 0, 2]


@pytest.mark.parametrize("ids", [[0], [0, 2], [-2, 0], [0.0, 1.0]])
def test_ids_that_do_not_fit(ids):
    with pytest.raises(InputError, match="found ids of"):
        Labelled(numbered(2), np.array(ids), ["a", "b"])


def test_labels_that_do_not_fit():
    with pytest.raises(InputError, match="found 1 labels for 2 features"):
        Labelled.of(numbered(2), ["a"])
    with pytest.raises(InputError, match="without labels"):
        Labelled.of(numbered(2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused_by_everything_that_reads_them(bad):
    from zqcnn_xp.gallery import (
        Gallery,
        cluster,
        consistent_subset,
        find_duplicates,
        find_mislabelled,
        find_outliers,
        find_pivots,
        find_repeated_people,
        find_worst_pairs,
    )

    features = np.eye(5, dtype=np.float32)[[0, 0, 1, 1, 2, 2, 2]]
    features[3, 4] = bad
    labelled = Labelled.of(features, list("aabbccc"))
    probes = np.eye(5, dtype=np.float32)[:2]
    calls = (
        lambda: find_pivots(labelled),
        lambda: find_outliers(labelled),
        lambda: find_mislabelled(labelled),
        lambda: find_worst_pairs(labelled),
        lambda: find_duplicates(labelled),
        lambda: find_repeated_people(labelled, 0.5),
        lambda: find_repeated_people(labelled, 0.5, only_pivots=False),
        lambda: consistent_subset(labelled, 1, 0.5),
        lambda: cluster(features, 0.5),
        lambda: cluster(features, 0.5, method="density"),
        lambda: cluster(features, 0.5, method="masters", seed=3),
        lambda: Gallery(labelled).identify(probes),
        lambda: Gallery(labelled).verify("b", probes),
    )
    for call in calls:
        with pytest.raises(InputError, match=r"no finite number in row 3$"):
            call()
    good = Gallery(features[:2], ["a", "a"])
    for ask in (good.identify, good.search, lambda probes: good.verify("a", probes)):
        with pytest.raises(InputError, match="no finite number in query 1"):
            ask(np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, bad]], np.float32))
