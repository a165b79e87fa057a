"""Bounds of scores: no row that belongs to the best is left out, however coarse the rows."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.candidates import Candidates
from zqcnn_xp.gallery.rows import ArrayRows, as_rows, error_norms
from zqcnn_xp.registry import get_backend


def coarse(x: np.ndarray, step: float) -> ArrayRows:
    """Round to very few integers, so that errors are large."""
    scales = np.full(len(x), step, np.float32)
    whole = np.clip(np.rint(x / step), -3, 3).astype(np.int8)
    return ArrayRows(whole, scales, error_norms(x, whole * scales[:, None].astype(float)))


@pytest.mark.parametrize("name", ["numpy", "llvm"])
@pytest.mark.parametrize("k", [None, 3])
def test_coarse_rows_lose_nothing(name: str, k: int | None) -> None:
    if name == "llvm":
        pytest.importorskip("llvmlite")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((900, 24)).astype(np.float32)
    queries = rng.standard_normal((7, 24)).astype(np.float32)
    exact = (queries.astype(float) @ x.T.astype(float))[:, 100:800]
    floors = np.sort(exact, axis=1)[:, -3].astype(np.float32) - np.float32(1e-5)
    candidates = Candidates(get_backend(name), queries, coarse(x, 0.8), as_rows(x), None)
    query, row, score = candidates.exact(100, 800, floors, k)
    found = set(zip(query.tolist(), row.tolist(), strict=True))
    assert found == {(i, j + 100) for i, j in np.argwhere(exact >= floors[:, None]).tolist()}
    np.testing.assert_allclose(score, exact[query, row - 100], rtol=1e-7)


@pytest.mark.parametrize("name", ["numpy", "llvm"])
def test_bytes_that_lie_about_nothing_cost_little(name: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(-127, 128, (2000, 64)).astype(np.int8)
    rows = ArrayRows(x, np.ones(2000, np.float32), np.zeros(2000, np.float32))
    queries = rng.standard_normal((2, 64)).astype(np.float32)
    candidates = Candidates(get_backend(name), queries, rows, rows, None)
    seen: list[int] = []
    real = candidates._scores
    candidates._scores = lambda q, *rest: (seen.append(len(q)), real(q, *rest))[1]  # type: ignore[method-assign,func-returns-value]
    exact = queries.astype(float) @ x.T.astype(float)
    floors = np.sort(exact, axis=1)[:, -5].astype(np.float32)
    candidates.exact(0, 2000, floors, None)
    # Five of each, and hardly any that are only close.
    assert seen[0] <= 14


def test_scales_that_are_no_numbers() -> None:
    rows = ArrayRows(np.ones((4, 64), np.int8), np.full(4, np.nan, np.float32))
    queries = np.ones((1, 64), np.float32)
    for name in ("numpy", "llvm"):
        candidates = Candidates(get_backend(name), queries, rows, rows, None)
        with pytest.raises(InputError, match="no finite number"):
            candidates.exact(0, 4, np.full(1, -np.inf, np.float32), 1)


def test_unknown_errors_are_computed() -> None:
    x = np.random.default_rng(2).standard_normal((50, 8)).astype(np.float32)
    rows = ArrayRows(x.astype(np.float16))
    candidates = Candidates(get_backend("numpy"), x[:2], rows, as_rows(x), None)
    largest = error_norms(x, x.astype(np.float16).astype(float)).max()
    assert candidates._stored_error(0, 50) == pytest.approx(float(largest))
