"""What is said of the persons found."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.gallery.identities import Candidate, Identities, best_people


def test_candidates():
    found = Identities(
        np.array([[2, 0], [1, -1], [-1, -1]]),
        np.array([[0.75, 0.5], [0.25, -np.inf], [-np.inf, -np.inf]], np.float32),
        np.array([[9, 3], [4, -1], [-1, -1]]),
        ["Ann", "Bo", "Cy"],
    )
    assert len(found) == 3
    assert repr(found) == "<Identities of 3 probes, 2 known>"
    assert found.best == ["Cy", "Bo", None]
    assert list(found) == [
        [Candidate("Cy", 0.75, 9), Candidate("Ann", 0.5, 3)],
        [Candidate("Bo", 0.25, 4)],
        [],
    ]


def test_of_equal_scores_the_lower_row_counts():
    people, rows = np.array([1, 0, 1, 2]), np.array([7, 5, 6, 4])
    scores = np.array([0.5, 0.5, 0.5, 0.75], np.float32)
    assert best_people(people, scores, rows).tolist() == [3, 1, 2]
    assert best_people(people[:0], scores[:0], rows[:0]).tolist() == []
