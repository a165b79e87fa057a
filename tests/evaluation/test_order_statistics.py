from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.order_statistics import largest

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
SHORT = st.integers(-(2**15), 2**15 - 1)


@given(
    st.one_of(
        arrays(np.float32, st.integers(1, 60), elements=FINITE),
        arrays(np.int16, st.integers(1, 60), elements=SHORT),
        arrays(np.float32, st.integers(1, 60), elements=st.sampled_from([0.0, -0.0, 0.5, -0.5])),
    ),
    st.integers(1, 7),
)
def test_all_ranks_equal_a_sort(scores: np.ndarray, step: int) -> None:
    def stream() -> list[np.ndarray]:
        return [scores[i : i + step] for i in range(0, len(scores), step)]

    found = largest(stream, np.arange(1, len(scores) + 1))
    assert found.tolist() == np.sort(scores)[::-1].astype(np.float64).tolist()


def test_more_ranks_than_tables_at_once() -> None:
    scores = np.random.default_rng(1).normal(size=40_000).astype(np.float32)
    ranks = np.arange(1, 40_001, 7)
    assert (largest(lambda: [scores], ranks) == np.sort(scores)[::-1][ranks - 1]).all()


def test_memory_does_not_grow_with_the_scores() -> None:
    block = np.linspace(-1, 1, 1 << 18, dtype=np.float32)
    block[::2] = 0.25  # half of all scores are equal
    tracemalloc.start()
    found = largest(lambda: (block for _ in range(40)), [1, 5_000_000])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0] == 1
    assert found[1] == 0.25
    assert peak < 32 << 20  # the scores themselves are 40 MB


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -np.nan])
def test_what_is_no_finite_number_is_an_error(bad: float) -> None:
    scores = np.array([0.5, bad], np.float32)
    with pytest.raises(InputError, match="1 scores that are no finite"):
        largest(lambda: [scores], [1])


@pytest.mark.parametrize("rank", [0, 4])
def test_a_rank_outside_is_an_error(rank: int) -> None:
    with pytest.raises(InputError, match="expected 1 to 3"):
        largest(lambda: [np.zeros(3, np.float32)], [rank])


def test_another_type_is_an_error() -> None:
    with pytest.raises(InputError, match="float64"):
        largest(lambda: [np.zeros(3)], [1])
