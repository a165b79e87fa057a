"""Features: joined, scaled and compared."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import (
    angles,
    checked,
    cosines,
    finite_pairs,
    flip_rule,
    squared_distances,
    unit,
)
from zqcnn_xp.evaluation.pairs import pairs_of_rows

ROWS = np.random.default_rng(0).normal(size=(2, 6, 8))


def test_distances_of_unit_rows():
    left, right = unit(ROWS[0]), unit(ROWS[1])
    cos = (left * right).sum(1)
    assert cosines(*ROWS) == pytest.approx(cos)
    assert squared_distances(left, right) == pytest.approx(2 - 2 * cos)
    assert angles(*ROWS) == pytest.approx(np.arccos(cos) / np.pi)
    assert angles(ROWS[0], ROWS[0] * 3).tolist() == pytest.approx([0] * 6, abs=1e-7)
    assert angles(ROWS[0], -ROWS[0]).tolist() == pytest.approx([1] * 6, abs=1e-7)
    assert cosines(np.zeros((1, 3)), np.ones((1, 3))).tolist() == [0]


def test_distances_round_as_the_reference_rounds():
    left, right = np.random.default_rng(1).normal(size=(2, 500, 129))
    expected = np.sum(np.square(np.subtract(left, right)), 1)
    assert (squared_distances(left, right) == expected).all()


def test_flip_rules():
    plain, mirrored = ROWS
    assert (flip_rule(plain, mirrored, "none") == plain).all()
    assert (flip_rule(plain, mirrored, "sum") == plain + mirrored).all()
    assert (flip_rule(plain, mirrored, "concatenate") == np.hstack([plain, mirrored])).all()
    halves = flip_rule(plain, mirrored, "concatenate-unit")
    assert np.linalg.norm(halves[:, 8:], axis=1) == pytest.approx(np.ones(6))
    with pytest.raises(InputError, match="rule='x': expected none, sum"):
        flip_rule(plain, mirrored, "x")
    with pytest.raises(InputError, match="found features"):
        flip_rule(plain, mirrored[1:], "sum")


def test_only_pairs_of_finite_rows():
    pairs = pairs_of_rows([True, False, True])
    rows = np.arange(12.0).reshape(6, 2)
    assert finite_pairs(rows, pairs).not_finite == 0
    assert finite_pairs(rows.astype(np.float32), pairs).left.dtype == np.float64
    rows[3, 1] = np.nan
    found = finite_pairs(rows, pairs)
    assert found.not_finite == 1
    assert found.left.tolist() == [[0, 1], [8, 9]]
    assert found.pairs.same.tolist() == [True, True]
    assert found.pairs.fold.tolist() == [0, 2]
    with pytest.raises(InputError, match=r"expected \(6, d\) numbers"):
        checked(rows[:5], pairs)
