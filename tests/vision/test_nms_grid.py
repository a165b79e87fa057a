from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.vision.nms import suppress
from zqcnn_xp.vision.nms_grid import stencil, suppress_cells


def _boxes(row: np.ndarray, column: np.ndarray, window: int, stride: int) -> np.ndarray:
    corner = np.stack([column, row], axis=1) * stride
    return np.concatenate([corner, corner + window], axis=1).astype(np.float32)


@given(
    st.integers(1, 25),
    st.integers(1, 25),
    st.sampled_from([(12, 2), (20, 4), (12, 5), (3, 4)]),
    st.sampled_from([0.0, 0.3, 0.495, 0.5, 0.9, 1.0, 1.5]),
    st.sampled_from([None, "zqcnn"]),
    st.integers(0, 2**31),
)
def test_equals_suppression_of_boxes(
    rows: int, columns: int, cell: tuple[int, int], threshold: float, compat, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(rng.random((rows, columns)) < 0.4)
    score = (rng.integers(0, 9, row.size) / 9).astype(np.float32)  # few values: many ties
    near = stencil(*cell, threshold, compat=compat)
    found = suppress_cells(row, column, None, score, near, compat=compat)
    want = suppress(_boxes(row, column, *cell), score, threshold, compat=compat)
    for got, expected in zip(found, want, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("compat", [None, "zqcnn"])
def test_groups_do_not_see_each_other(compat) -> None:
    rng = np.random.default_rng(3)
    near = stencil(12, 2, 0.5, compat=compat)
    parts = [np.nonzero(rng.random((9, 11)) < 0.5) for _ in range(4)]
    scores = [rng.random(part[0].size, np.float32) for part in parts]
    row, column = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    group = np.repeat(np.arange(4), [part[0].size for part in parts])
    winners, counts = suppress_cells(
        row, column, group, np.concatenate(scores), near, compat=compat
    )
    begin = 0
    for number, (part, score) in enumerate(zip(parts, scores, strict=True)):
        mine = group[winners] == number
        alone = suppress_cells(*part, None, score, near, compat=compat)
        np.testing.assert_array_equal(winners[mine] - begin, alone[0])
        np.testing.assert_array_equal(counts[mine], alone[1])
        begin += score.size


def test_stencil_is_symmetric_and_leaves_the_cell_itself_out() -> None:
    for threshold in (0.0, 0.4, 0.7):
        near = stencil(12, 2, threshold)
        assert (0, 0) not in near
        assert {(-down, -right) for down, right in near} == set(near)
    assert stencil(12, 2, 0.99) == ()


def test_none() -> None:
    none = np.empty(0, np.intp)
    winners, counts = suppress_cells(none, none, None, np.empty(0), ())
    assert winners.shape == counts.shape == (0,)
