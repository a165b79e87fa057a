"""Subsets: who agrees with the pivot, and a random choice that a seed repeats."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.subset import consistent_subset, random_subset


def circle(angles, labels):
    angles = np.radians(angles)
    return Labelled.of(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), labels)


def test_persons_with_enough_photos_near_the_pivot():
    labelled = circle(
        [0, 5, 90, 10, 180, 185, 270, 0],
        ["Ann", "Ann", "Ann", "Ann", "Bo", "Bo", "Cy", None],
    )
    assert consistent_subset(labelled, 3, 0.9).tolist() == [0, 1, 3]
    assert consistent_subset(labelled, 2, 0.9).tolist() == [0, 1, 3, 4, 5]
    assert consistent_subset(labelled, 1, 0.9).tolist() == [0, 1, 3, 4, 5, 6]
    assert consistent_subset(labelled, 4, 0.9).tolist() == []
    with pytest.raises(InputError, match="images=0"):
        consistent_subset(labelled, 0, 0.9)
    with pytest.raises(InputError, match="threshold="):
        consistent_subset(labelled, 1, np.nan)


def test_a_random_choice():
    random = np.random.default_rng(0)
    ids = random.integers(-1, 30, 400)
    labelled = Labelled(np.zeros((400, 2), np.float32), ids, [str(n) for n in range(30)])
    rows = random_subset(labelled, 12, (5, 9), seed=7)
    assert (np.diff(rows) > 0).all()
    people, counts = np.unique(ids[rows], return_counts=True)
    assert len(people) == 12
    assert people.min() >= 0
    assert counts.tolist() == np.minimum(labelled.counts[people], 9).tolist()
    assert counts.min() >= 5
    np.testing.assert_array_equal(rows, random_subset(labelled, 12, (5, 9), seed=7))
    assert rows.tolist() != random_subset(labelled, 12, (5, 9), seed=8).tolist()
    for people, images in ((0, (1, 2)), (31, (1, 2)), (2, (0, 2)), (2, (3, 2)), (1, (99, 99))):
        with pytest.raises(InputError, match=r"people=|images="):
            random_subset(labelled, people, images)
