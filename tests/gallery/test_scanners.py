"""Scanners of backends, and the one that any array namespace serves."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.gallery.scanners import ArrayScanner, find_scanner
from zqcnn_xp.registry import get_backend


def namespace(name: str) -> Backend:
    if name == "jax":
        pytest.importorskip("jax")
        return get_backend("jax")
    return Backend(np if name == "numpy" else pytest.importorskip("array_api_strict"))


@pytest.mark.parametrize("name", ["numpy", "strict", "jax"])
def test_any_namespace_finds_the_same(name: str) -> None:
    rng = np.random.default_rng(0)
    queries = rng.integers(-3, 4, (5, 6)).astype(np.float32)
    block = rng.integers(-3, 4, (40, 6)).astype(np.float32)
    floors = np.array([0, 5, np.inf, -np.inf, 20], np.float32)
    scanner = ArrayScanner(namespace(name), queries, 64)
    query, row, score, off = scanner(block, None, floors)
    exact = queries @ block.T
    assert sorted(zip(query.tolist(), row.tolist(), strict=True)) == sorted(
        map(tuple, np.argwhere(exact >= floors[:, None]).tolist())
    )
    np.testing.assert_array_equal(score, exact[query, row])
    assert (off == 0).all()
    nothing = scanner(block, None, np.full(5, np.inf, np.float32))
    assert [len(column) for column in nothing] == [0, 0, 0, 0]


def test_a_backend_without_its_own_scanner() -> None:
    queries = np.ones((2, 4), np.float32)
    assert isinstance(find_scanner(Backend(np), queries, "float32", 8), ArrayScanner)
    assert find_scanner(Backend(np), queries, "int8", 8) is None
    assert not isinstance(find_scanner(get_backend("numpy"), queries, "float32", 8), ArrayScanner)


def test_jax_multiplies_with_all_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    seen, real = [], jax.default_matmul_precision
    monkeypatch.setattr(jax, "default_matmul_precision", lambda p: (seen.append(p), real(p))[1])
    backend = get_backend("jax", precision="default")
    ones = backend.from_numpy(np.ones((2, 2), np.float32))
    assert float(backend.product(ones, ones)[0, 0]) == 2
    assert seen == ["highest"]
