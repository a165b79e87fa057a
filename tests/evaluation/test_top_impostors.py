from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zqcnn_xp.evaluation.top_impostors as module
from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.top_impostors import top_impostors
from zqcnn_xp.evaluation.vectors import Vectors
from zqcnn_xp.gallery.scan import Floor, Hits, scan_pairs


def _all(vectors: Vectors, labels: np.ndarray) -> list[tuple[float, int, int]]:
    i, j = np.triu_indices(len(labels), 1)
    different = labels[i] != labels[j]
    scores = vectors.scores(i, j)
    found = zip(scores[different].tolist(), i[different].tolist(), j[different].tolist())  # noqa: B905
    return sorted(found, key=lambda one: (-one[0], one[1], one[2]))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(3, 50),
    st.integers(2, 6),
    st.integers(1, 400),
    st.sampled_from([1, 3, 1000]),
)
def test_equals_a_full_sort_with_all_ties(
    seed: int, n: int, people: int, keep: int, steps: int
) -> None:
    rng = np.random.default_rng(seed)
    features = rng.integers(-steps, steps + 1, (n, 3)) / 8
    labels = np.arange(n) % people
    vectors = Vectors(features, normalise=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLACK", 7)  # so that the floor rises again and again
        patch.setattr(module, "_DRAWN", 40)  # and is not at first where it should be
        patch.setattr(module, "_LEAST_DRAWN", 2)
        found = top_impostors(vectors, labels, keep, backend="numpy", threads=1)
    expected = _all(vectors, labels)
    if keep < len(expected):
        expected = [one for one in expected if one[0] >= expected[keep - 1][0]]
    assert (np.diff(found.score) <= 0).all()
    assert sorted(zip(*(column.tolist() for column in found), strict=True)) == sorted(expected)


def test_a_first_floor_that_is_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = Vectors(np.random.default_rng(0).normal(size=(60, 8)))
    labels = np.arange(60) // 3
    expected = top_impostors(vectors, labels, 200)
    monkeypatch.setattr(module, "_first_floor", lambda *_: float(expected.score[50]))
    for one, other in zip(top_impostors(vectors, labels, 200), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_first_floor_that_hides_what_float32_rounded_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Enough scores above the floor do not prove that the best are among them."""
    keep, rng = 200, np.random.default_rng(0)
    # Scores differ by no more than float32 may round them by.
    lengths = 1 + rng.uniform(0, 5e-7, (60, 1))
    features = (np.ones((60, 8)) / 8**0.5 * lengths * (1 + rng.uniform(0, 1e-6, (60, 8)))).astype(
        np.float32
    )
    vectors, labels = Vectors(features, normalise=False), np.arange(60)
    expected = top_impostors(vectors, labels, keep, backend="numpy")
    (hits,) = scan_pairs(vectors, Floor(-np.inf), backend="numpy")
    floor = float(np.sort(hits.score)[-keep])
    rounded = dict(zip(zip(*hits[:2], strict=True), hits.score.tolist(), strict=True))
    pairs = [tuple(sorted(pair)) for pair in zip(*expected[1:], strict=True)]
    assert any(rounded[pair] < floor for pair in pairs)  # else nothing is hidden
    assert np.count_nonzero(hits.score >= floor) >= keep
    monkeypatch.setattr(module, "_first_floor", lambda *_: floor + vectors.rounding())
    found = top_impostors(vectors, labels, keep, backend="numpy")
    assert found.score.tolist() == expected.score.tolist()


def test_the_floor_rises_and_memory_stays() -> None:
    rng = np.random.default_rng(0)
    vectors = Vectors(rng.normal(size=(700, 16)).astype(np.float32))
    labels = np.arange(700) // 2
    found = top_impostors(vectors, labels, 100, backend="numpy", threads=1)
    assert [one[0] for one in _all(vectors, labels)[:100]] == found.score.tolist()
    big = Vectors(rng.normal(size=(14_000, 8)).astype(np.float32))  # 98 million pairs
    tracemalloc.start()
    top_impostors(big, np.arange(14_000) // 2, 1000, backend="numpy", threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 << 20


def test_too_many_equal_scores_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIES", 1000)
    vectors = Vectors(np.ones((100, 3)))
    with pytest.raises(InputError, match="4,900 pairs that score no lower than the 10-th"):
        top_impostors(vectors, np.arange(100) % 50, 10, threads=1)


def test_coarse_products_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def coarse(rows: Vectors, floor: object, **_: object) -> list[Hits]:
        one, other = np.triu_indices(rows.shape[0], 1)
        scores = (rows.scores(one, other) + 1e-3).astype(np.float32)  # as with 10 bits of mantissa
        return [Hits(one.astype(np.int64), other.astype(np.int64), scores)]

    monkeypatch.setattr(module, "scan_pairs", coarse)
    vectors = Vectors(np.random.default_rng(0).normal(size=(20, 8)))
    with pytest.raises(InputError, match=r"off by 0\.001, expected float32's"):
        top_impostors(vectors, np.arange(20), 5)
