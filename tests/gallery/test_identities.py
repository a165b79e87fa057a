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


def test_what_is_printed_is_short():
    few = Identities(
        np.array([[1, 0], [-1, -1]]),
        np.array([[0.75, 0.5], [-np.inf, -np.inf]], np.float32),
        np.array([[9, 3], [-1, -1]]),
        ["Ann", "Bo"],
    )
    assert str(few).splitlines() == [
        "2 probes, 1 known",
        "probe 0: Bo (0.7500), Ann (0.5000)",
        "probe 1: unknown",
    ]
    people = np.tile(np.arange(7), (9, 1))
    many = Identities(people, np.ones((9, 7), np.float32), people, list("abcdefg"))
    lines = str(many).splitlines()
    assert len(lines) == 7
    assert lines[1].endswith("e (1.0000), and 2 more")
    assert lines[-1] == "and 4 more probes"
    none = Identities(people[:1, :0], np.ones((1, 0), np.float32), people[:1, :0], [])
    assert str(none) == "1 probe, 0 known\nprobe 0: unknown"
