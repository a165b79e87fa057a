"""Tiles of scores: all that reach their floors, with BLAS held to one thread meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

import zqcnn_xp_numpy.scanner
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.scanner import TileScanner


@pytest.mark.parametrize(("q", "m"), [(1, 1), (3, 1000), (513, 700), (1100, 3)])
def test_tiles_cover_everything(q: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zqcnn_xp_numpy.scanner, "_TILE", 1 << 14)
    rng = np.random.default_rng(q)
    queries = rng.integers(-3, 4, (q, 5)).astype(np.float32)
    block = rng.integers(-3, 4, (m, 5)).astype(np.float32)
    floors = rng.integers(0, 30, q).astype(np.float32)
    query, row, score, off = TileScanner(queries)(block, None, floors)
    exact = queries @ block.T
    assert sorted(zip(query.tolist(), row.tolist(), strict=True)) == sorted(
        map(tuple, np.argwhere(exact >= floors[:, None]).tolist())
    )
    np.testing.assert_array_equal(score, exact[query, row])
    assert (off == 0).all()


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
