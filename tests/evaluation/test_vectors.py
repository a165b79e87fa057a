from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.vectors import Vectors, bad_rows_error
from zqcnn_xp.gallery.rows import ArrayRows, quantize


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_slices_are_unit_rows(dtype: Any) -> None:
    features = (np.random.default_rng(0).normal(size=(9000, 8)) * 50).astype(dtype)
    vectors = Vectors(features)
    part = vectors[4000:4200]
    assert part.dtype == np.float32
    wide = features.astype(np.float64)[4000:4200]
    expected = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    np.testing.assert_allclose(part, expected, atol=1e-7 if dtype != np.float16 else 1e-3)
    np.testing.assert_array_equal(vectors.taken(np.arange(4000, 4200)), part)


@pytest.mark.parametrize("make", [ArrayRows, lambda a: quantize(a, "int8"), None])
def test_stored_rows_score_as_what_they_stand_for(make: Any, tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(300, 20)).astype(np.float32)
    if make is None:
        np.save(tmp_path / "f.npy", features)
        rows = np.load(tmp_path / "f.npy", mmap_mode="r")
        meant = features
    else:
        rows = make(features)
        scales = np.ones(300, np.float32) if rows.scales is None else rows.scales
        meant = rows[0:300].astype(np.float32) * scales[:, None]
    i, j = np.random.default_rng(2).integers(0, 300, (2, 5000))
    np.testing.assert_array_equal(Vectors(rows).scores(i, j), Vectors(meant).scores(i, j))
    wide = meant.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    np.testing.assert_allclose(Vectors(rows).scores(i, j), (wide[i] * wide[j]).sum(1), atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 700), st.booleans())
def test_rounding_bounds_what_float32_loses(seed: int, dim: int, normalise: bool) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(40, dim)) * 10 ** rng.uniform(-3, 3)
    vectors = Vectors(features, normalise=normalise)
    i, j = np.triu_indices(40)
    single = (vectors[0:40] @ vectors[0:40].T)[i, j]
    assert np.abs(single - vectors.scores(i, j)).max() <= vectors.rounding()


def test_a_pair_scores_the_same_either_way_and_anywhere() -> None:
    features = np.random.default_rng(3).normal(size=(50, 77)).astype(np.float32)
    twice = np.concatenate([features, features[::-1]])
    i, j = np.triu_indices(50, 1)
    vectors = Vectors(twice)
    forth, back, copies = (vectors.scores(*p) for p in ((i, j), (j, i), (99 - i, 99 - j)))
    assert (forth == back).all()
    assert (forth == copies).all()


def test_bad_rows_are_found_and_left_out() -> None:
    features = np.ones((6, 3), np.float32)
    features[1], features[2, 0], features[4, 2] = 0, np.nan, -np.inf
    vectors = Vectors(features)
    assert vectors.bad_rows().tolist() == [1, 2, 4]
    assert Vectors(features, normalise=False).bad_rows().tolist() == [2, 4]
    kept = vectors.without(vectors.bad_rows())
    assert kept.shape == (3, 3)
    assert kept.bad_rows().size == 0
    rows = Vectors(ArrayRows(features)).without(np.array([1, 2, 4]))
    assert rows.scores(np.array([0]), np.array([2]))[0] == pytest.approx(1)
    assert rows[0:3].shape == (3, 3)


def test_values_whose_squares_overflow_float32() -> None:
    vectors = Vectors(np.full((2, 4), 1e30, np.float32))
    assert vectors.bad_rows().size == 0
    assert vectors[0:1].tolist() == [[0.5] * 4]
    assert vectors.scores(np.array([0]), np.array([1]))[0] == pytest.approx(1)


def test_no_matrix_of_floats() -> None:
    for wrong in (np.ones(3), np.ones((3, 3), np.int32), np.ones((2, 2, 2))):
        with pytest.raises(InputError, match="expected \\(n, d\\)"):
            Vectors(wrong)
    assert str(bad_rows_error(np.array([1, 2]), None)).endswith("numbers: 1, 2")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_copies_have_a_cosine_of_one_to_the_last_bit(dtype):
    rng = np.random.default_rng(5)
    for width in (3, 64, 128, 513):
        rows = rng.normal(size=(300, width)).astype(dtype)
        vectors = Vectors(np.concatenate([rows, rows, 2 * rows, -rows]))
        one = np.arange(300)
        assert (vectors.scores(one, one + 300) == 1).all()
        assert (vectors.scores(one + 600, one) == 1).all()
        assert (vectors.scores(one, one + 900) == -1).all()


def test_lengths_whose_squares_would_overflow():
    rows = np.array([[3.0, 4.0], [4.0, 3.0], [0.0, 1.0]])
    for scale in (1e100, 1e-100):
        vectors = Vectors(rows * np.array([[scale], [scale], [1.0]]))
        assert vectors.scores(np.array([0, 0]), np.array([1, 2])) == pytest.approx([0.96, 0.8])
