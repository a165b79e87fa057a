"""Tiles of scores: all that reach their floors, with BLAS held to one thread meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

import zqcnn_xp_numpy.scanner
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.scanner import TileScanner, longest


@pytest.mark.parametrize(("q", "m"), [(1, 1), (3, 1000), (513, 700), (1100, 3)])
def test_tiles_cover_everything(q: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zqcnn_xp_numpy.scanner, "_TILE", 1 << 14)
    rng = np.random.default_rng(q)
    queries = rng.integers(-3, 4, (q, 5)).astype(np.float32)
    block = rng.integers(-3, 4, (m, 5)).astype(np.float32)
    floors = rng.integers(0, 30, q).astype(np.float32)
    query, row, score, off = TileScanner(queries)(block, None, floors)
    # Whole numbers: scores are exact, and none lies between a floor and what an error allows.
    exact = queries @ block.T
    assert sorted(zip(query.tolist(), row.tolist(), strict=True)) == sorted(
        map(tuple, np.argwhere(exact >= floors[:, None]).tolist())
    )
    np.testing.assert_array_equal(score, exact[query, row])
    assert ((off > 0) & (off < 1e-2)).all()


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e17])
@pytest.mark.parametrize("q", [1, 5])
def test_what_may_reach_a_floor_is_found(q: int, scale: float) -> None:
    """Rows that differ in the last bits, and floors that lie at their exact scores."""
    rng = np.random.default_rng(7)
    base = rng.standard_normal(128)
    block = (base + 1e-7 * rng.standard_normal((5000, 128))).astype(np.float32)
    block *= np.float32(scale)
    queries = rng.standard_normal((q, 128)).astype(np.float32)
    exact = queries.astype(np.float64) @ block.astype(np.float64).T
    floors = np.sort(exact, axis=1)[:, -10].astype(np.float32)
    query, row, score, off = TileScanner(queries)(block, None, floors)
    wanted = np.argwhere(exact >= floors[:, None])
    assert {*map(tuple, wanted.tolist())} <= {*zip(query.tolist(), row.tolist(), strict=True)}
    assert (np.abs(exact[query, row] - score) <= off).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_what_has_no_bound_is_not_left_out(bad: float) -> None:
    block = np.zeros((3000, 8), np.float32)
    block[1234, 3] = bad
    queries = np.ones((2, 8), np.float32)
    floors = np.array([0.5, np.inf], np.float32)
    query, row, _, off = TileScanner(queries)(block, None, floors)
    assert (0, 1234) in zip(query.tolist(), row.tolist(), strict=True)
    # A floor that nothing reaches leaves out what is a number.
    assert not ((query == 1) & (row != 1234)).any()
    assert np.isinf(off).all()


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (1000, 3), (7, 2000), (130, 128), (5, 0)])
def test_a_length_is_no_less_than_that_of_any_row(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for scale in (1.0, 1e-25, 1e15):
        scaled = rows * np.float32(scale)
        exact = np.linalg.norm(scaled.astype(np.float64), axis=1).max(initial=0)
        together = max(1024 // max(shape[1], 1), 1)
        assert exact <= longest(scaled) <= (exact * together**0.5 + 1e-15) * 1.01
    if rows.size:
        rows.flat[-1] = np.nan
        assert longest(rows) == np.inf


def test_blas_has_one_thread_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_info

    def counts() -> set[int]:
        # NumPy's own: other libraries that are loaded later bring theirs.
        pools = [pool for pool in threadpool_info() if "numpy" in pool["filepath"]]
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}

    before, seen = counts(), []
    if not before:
        pytest.skip("NumPy has a BLAS of another name")
    real = np.matmul

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(np, name)

        @staticmethod
        def matmul(*args: object, **options: object) -> object:
            seen.append(counts())
            return real(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(zqcnn_xp_numpy.scanner, "np", Watched())
    ones = np.ones((2, 4), np.float32)
    TileScanner(ones)(ones, None, np.zeros(2, np.float32))
    assert seen == [{1}]
    assert counts() == before


def test_only_floats_are_scanned_natively() -> None:
    assert NumpyBackend().scanner("float32", 8) is TileScanner
    assert NumpyBackend().scanner("int8", 8) is None
