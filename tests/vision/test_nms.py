from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.nms import nms, suppress


def _plain(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, method: str, compat: bool
) -> tuple[list[int], list[int]]:
    """Greedy suppression in loops: the best stays, what overlaps it falls, again."""
    n = len(scores)
    left = sorted(range(n), key=lambda i: (-scores[i], -i if compat else i))
    if compat and threshold >= 1:
        return left, [0] * n
    more = 1 if compat else 0
    winners, counts = [], []
    while left:
        best, *others = left
        a = boxes[best]
        left = []
        for i in others:
            b = boxes[i]
            width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + more)
            height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + more)
            area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
            inter = width * height
            whole = min(area_a, area_b) if method == "min" else area_a + area_b - inter
            if whole == 0 or inter / whole <= threshold:
                left.append(i)
        winners.append(best)
        counts.append(len(others) - len(left))
    return winners, counts


_at = st.integers(0, 30)
_box = st.tuples(_at, _at, st.integers(1, 20), st.integers(1, 20), st.integers(0, 9))


@pytest.mark.parametrize("method", ["union", "min"])
@pytest.mark.parametrize("compat", [None, "zqcnn"])
@given(rows=st.lists(_box, max_size=40), threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_against_loops(
    rows: list[tuple[int, ...]], threshold: float, method: str, compat: str | None
) -> None:
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    scores = table[:, 4] / 10  # few values, so ties are frequent
    winners, counts = suppress(boxes, scores, threshold, method=method, compat=compat)  # type: ignore[arg-type]
    want = _plain(boxes, scores, threshold, method, compat is not None)
    assert (winners.tolist(), counts.tolist()) == want


@pytest.mark.parametrize("n", [127, 128, 129, 600])
def test_blocks_do_not_show(n: int) -> None:
    rng = np.random.default_rng(n)
    corner = rng.integers(0, 120, (n, 2))
    boxes = np.concatenate([corner, corner + rng.integers(8, 30, (n, 2))], axis=1).astype(float)
    scores = rng.integers(0, 50, n) / 50
    winners, counts = suppress(boxes, scores, 0.4)
    assert (winners.tolist(), counts.tolist()) == _plain(boxes, scores, 0.4, "union", False)
    assert winners.size + counts.sum() == n
    np.testing.assert_array_equal(nms(boxes, scores, 0.4), winners)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**31))
def test_winners_do_not_overlap_and_cover_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 300, (1500, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 60, (1500, 2))], axis=1)
    scores = rng.random(1500)
    winners = nms(boxes, scores, 0.5)
    assert nms(boxes[winners], scores[winners], 0.5).size == winners.size
    assert (np.diff(scores[winners]) <= 0).all()


def test_fifty_thousand_candidates_need_little_memory() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 4000, (50_000, 2)).astype(np.float32)
    boxes = np.concatenate([corner, corner + np.float32(40)], axis=1)
    scores = rng.random(50_000, np.float32)
    tracemalloc.start()
    winners = nms(boxes, scores, 0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 5_000 < winners.size < 50_000
    assert peak < 64 << 20  # all pairs would take 10 GB


def test_refuses() -> None:
    boxes = np.array([[0, 0, np.nan, 1]])
    with pytest.raises(InputError, match="not finite"):
        nms(boxes, np.ones(1), 0.5)
    with pytest.raises(InputError, match="expected"):
        nms(boxes, np.ones(2), 0.5)


def test_none() -> None:
    winners, counts = suppress(np.empty((0, 4)), np.empty(0), 0.5)
    assert winners.shape == counts.shape == (0,)
