from __future__ import annotations

import numpy as np

from zqcnn_xp.pipelines.mtcnn.candidates import Candidates, moved, rounded, squared, suppressed
from zqcnn_xp.pipelines.mtcnn.options import Options

RIGHT, ORIGINAL = Options(), Options(compat="zqcnn")


def _candidates(n: int, kind: type = np.float64) -> Candidates:
    rng = np.random.default_rng(n)
    corner = rng.integers(0, 40, (n, 2))
    boxes = np.concatenate([corner, corner + rng.integers(10, 30, (n, 2))], axis=1)
    offsets = rng.normal(0, 0.1, (n, 4)).astype(np.float32)
    return Candidates(boxes.astype(kind), rng.random(n, np.float32), offsets)


def test_limits_keep_the_best_or_the_first() -> None:
    found = _candidates(20)
    best = found.best(5, RIGHT)
    assert set(best.score) == set(np.sort(found.score)[-5:])
    np.testing.assert_array_equal(found.best(5, ORIGINAL).score, found.score[:5])
    assert found.best(None, RIGHT) is found
    assert found.best(20, RIGHT) is found


def test_survivors_come_best_first_or_in_their_order() -> None:
    found = _candidates(60)
    right = suppressed(found, 0, RIGHT)
    assert (np.diff(right.score) <= 0).all()
    original = suppressed(_candidates(60, np.float32), 0, ORIGINAL)
    places = [found.score.tolist().index(s) for s in original.score.tolist()]
    assert places == sorted(places)
    assert 0 < len(original) < 60


def test_boxes_that_turn_inside_out_are_dropped() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    offsets = np.float32([[0, 0, 0, 0], [0.8, 0, -0.8, 0], [np.inf, 0, 0, 0]])
    found = moved(Candidates(boxes, np.ones(3, np.float32), offsets), RIGHT)
    assert found.boxes.tolist() == [[0, 0, 10, 10]]


def test_nothing_moves_without_offsets() -> None:
    found = Candidates(np.array([[0.0, 0, 4, 4]]), np.ones(1, np.float32))
    assert moved(found, RIGHT) is found


def test_original_is_in_whole_pixels() -> None:
    found = moved(_candidates(30, np.float32), ORIGINAL)
    for boxes in (squared(found.boxes, ORIGINAL), rounded(found, ORIGINAL).boxes):
        np.testing.assert_array_equal(boxes, np.round(boxes))
        assert boxes.dtype == np.float32
    assert rounded(found, RIGHT) is found


def test_join() -> None:
    a, b = _candidates(3), _candidates(2)
    assert len(Candidates.join([a, b], RIGHT)) == 5
    assert Candidates.join([a, Candidates(b.boxes, b.score)], RIGHT).offsets is None
    assert Candidates.join([], RIGHT).boxes.shape == (0, 4)
