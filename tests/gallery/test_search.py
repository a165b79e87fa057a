"""Searches against brute force: the same rows in the same order, and the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import ArrayRows, decoded, quantize
from zqcnn_xp.gallery.search import Found, search

BACKENDS = ["numpy", "llvm", "jax", "generic"]


def backend_of(name: str) -> str | Backend:
    if name in ("llvm", "jax"):
        pytest.importorskip({"llvm": "llvmlite"}.get(name, name))
    return Backend(np) if name == "generic" else name


def brute(queries, rows, k, threshold=-np.inf):
    """Order all scores: products in float64, rounded once; of equal ones the lower row first."""
    exact = np.einsum("id,jd->ij", np.asarray(queries, float), np.asarray(rows, float))
    with np.errstate(over="ignore"):
        scores = exact.astype(np.float32)
    indices = np.full((len(scores), k), -1, np.int64)
    best = np.full((len(scores), k), -np.inf, np.float32)
    for i, line in enumerate(scores):
        order = np.lexsort((np.arange(len(line)), -line))
        order = order[line[order] >= threshold][:k]
        indices[i, : len(order)] = order
        best[i, : len(order)] = line[order]
    return indices, best


def same(found: Found, wanted) -> None:
    np.testing.assert_array_equal(found.indices, wanted[0])
    np.testing.assert_array_equal(found.scores, wanted[1])
    assert found.indices.dtype == np.int64
    assert found.scores.dtype == np.float32
    assert found.exact


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def near(x: np.ndarray, count: int, seed: int = 9) -> np.ndarray:
    """Draw queries near rows of a set."""
    rng = np.random.default_rng(seed)
    picked = x[rng.integers(0, len(x), count)]
    return (picked + 0.3 * rng.standard_normal(picked.shape) * np.abs(picked).max()).astype("f4")


def with_duplicates(d: int) -> np.ndarray:
    return unit(40, d)[np.random.default_rng(1).integers(0, 40, 6000)]


def with_near_ties(d: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    return (unit(1, d) + 1e-6 * rng.standard_normal((6000, d))).astype(np.float32)


def with_zeros(d: int) -> np.ndarray:
    x = unit(6000, d, seed=3)
    x[::3] = 0
    return x


def with_all_sizes(d: int) -> np.ndarray:
    x = unit(6000, d, seed=4)
    return x * (10.0 ** np.random.default_rng(5).uniform(-30, 18, (6000, 1))).astype(np.float32)


def with_one_large_value(d: int) -> np.ndarray:
    x = unit(6000, d, seed=6)
    x[:, 0] = 50
    return x


def growing(d: int) -> np.ndarray:
    """Each row is better than all rows before it."""
    return np.abs(unit(1, d)) * np.linspace(0.1, 2, 6000, dtype=np.float32)[:, None]


SETS = [
    unit,
    with_duplicates,
    with_near_ties,
    with_zeros,
    with_all_sizes,
    with_one_large_value,
    growing,
]


@pytest.mark.parametrize("make", SETS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("stored", ["float32", "int8", "int8 without norms"])
def test_search_is_exact(make, name: str, stored: str) -> None:
    x = make(6000, 32) if make is unit else make(32)
    queries = np.concatenate([near(x, 5), x[:2], np.zeros((1, 32), np.float32)])
    rows = x if stored == "float32" else quantize(x)
    if stored.endswith("norms"):
        rows = ArrayRows(rows[0:6000], rows.scales)
    found = search(queries, rows, 10, originals=x, backend=backend_of(name), threads=2, block=2500)
    same(found, brute(queries, x, 10))
    assert found.features == "float32"


@pytest.mark.parametrize("kind", ["float16", "int8", "int16"])
@pytest.mark.parametrize("name", BACKENDS)
def test_reduced_rows_are_compared_as_they_are(kind: str, name: str) -> None:
    x = unit(5000, 33)
    rows = ArrayRows(x.astype(kind)) if kind == "float16" else quantize(x, kind)
    stored = rows[0:5000].astype(float)
    if rows.scales is not None:
        stored *= rows.scales[:, None]
    queries = near(x, 6)
    found = search(queries, rows, 5, backend=backend_of(name))
    indices, scores = brute(queries, stored, 5)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.scores, scores, rtol=2e-7)
    assert found.features == kind


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 6),
    st.integers(0, 40),
    st.integers(1, 6),
    st.integers(0, 50),
    st.sampled_from([None, -3.0, 0.0, 2.0, 5.5]),
    st.sampled_from(["numpy", "llvm"]),
    st.booleans(),
    st.integers(1, 50),
    st.data(),
)
def test_ties_thresholds_and_sizes(q, n, d, k, threshold, name, bytes_, block, data) -> None:
    # Whole numbers, so that many scores are equal.
    size = (q + n) * d
    both = data.draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size))
    x = np.array(both, np.float32).reshape(q + n, d)
    queries, x = x[:q], x[q:]
    found = search(
        queries,
        quantize(x) if bytes_ else x,
        k,
        threshold=threshold,
        originals=x,
        backend=name,
        threads=1,
        block=block,
    )
    same(found, brute(queries, x, k, -np.inf if threshold is None else threshold))


def test_everything_above_a_threshold() -> None:
    x = unit(3000, 8)
    queries = near(x, 4)
    found = search(queries, x, None, threshold=0.8, backend="numpy", block=500)
    counts = (np.einsum("id,jd->ij", queries.astype(float), x.astype(float)) >= 0.8).sum(axis=1)
    assert (found.indices >= 0).sum(axis=1).tolist() == counts.tolist()
    same(found, brute(queries, x, int(counts.max()), 0.8))
    nobody = search(queries, x, None, threshold=99, backend="numpy")
    assert nobody.indices.shape == (4, 0)


def test_golden_features_are_searched_exactly(shared_data: Path) -> None:
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as held:
        x = next(held[name] for name in held.files if held[name].ndim == 2).astype(np.float32)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    queries = x[::97]
    wanted = brute(queries, x, 10)
    for name in ("numpy", "llvm"):
        same(search(queries, quantize(x), 10, originals=x, backend=name), wanted)
        same(search(queries, x, 10, backend=name), wanted)


def test_results_do_not_depend_on_blocks_and_threads() -> None:
    x = np.repeat(unit(700, 19), 3, axis=0)
    queries = near(x, 70)
    wanted = brute(queries, x, 7)
    for threads, block in [(1, 13), (2, 100), (4, 1000), (3, None)]:
        for name in ("numpy", "llvm"):
            same(search(queries, x, 7, backend=name, threads=threads, block=block), wanted)


def test_one_query_without_an_axis() -> None:
    x = unit(20, 4)
    same(search(x[3], x, 1, backend="numpy"), (np.array([[3]]), brute(x[3:4], x, 1)[1]))


@pytest.mark.parametrize("name", ["numpy", "llvm"])
def test_what_overflows_float32_is_scored_in_float64(name: str) -> None:
    x = np.array([[3e38, -3e38], [3e38, 1e38], [1, 1], [0, 0]], np.float32)
    same(search(x, x, 3, backend=name), brute(x, x, 3))


def test_what_is_refused() -> None:
    x = np.ones((4, 3), np.float32)
    bad = x.copy()
    bad[2, 1] = np.nan
    with pytest.raises(InputError, match="query 0"):
        search([np.inf, 0, 0], x)
    with pytest.raises(InputError, match=r"expected \(q, 3\)"):
        search([1.0, 2.0], x)
    for name in ("numpy", "llvm"):
        with pytest.raises(InputError, match=r"no finite number in rows? [02]"):
            search(x, bad, backend=name)
    with pytest.raises(InputError, match="no finite number in row 2"):
        search(x, quantize(x), originals=bad)
    with pytest.raises(InputError, match="at most 2147483647"):
        search(x, x, 10**13)
    with pytest.raises(InputError, match="k -1"):
        search(x, x, -1)
    with pytest.raises(InputError, match="neither k nor a threshold"):
        search(x, x, None)
    with pytest.raises(InputError, match="originals of shape"):
        search(x, x, originals=x[:2])
    with pytest.raises(InputError, match="originals of int8"):
        search(x, x, originals=quantize(x))
    with pytest.raises(InputError, match="engine 'flann'"):
        search(x, x, engine="flann")  # type: ignore[arg-type]


def test_a_file_is_searched_where_it_lies(tmp_path: Path) -> None:
    x = unit(2000, 16)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    same(search(x[:3], quantize(x), 4, originals=mapped), brute(x[:3], x, 4))
    assert decoded(ArrayRows(mapped), 3, 5).base is not None


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_one_query_in_rows_of_several_long_pieces(kind: str, monkeypatch) -> None:
    monkeypatch.setattr("zqcnn_xp.gallery.search._LONG", 40_000)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((90_001, 16)).astype(np.float32)
    query = rng.standard_normal(16).astype(np.float32)
    stored = quantize(x) if kind == "int8" else x
    expected = np.argsort(-(x.astype(np.float64) @ query), kind="stable")[:20]
    for name in ("numpy", "llvm"):
        for threads in (1, 3):
            found = search(query, stored, 20, originals=x, backend=name, threads=threads)
            assert found.indices[0].tolist() == expected.tolist()


def test_what_is_printed_is_short():
    few = search([[1.0, 0.0], [0.0, 0.0]], np.eye(2, dtype="f4"), k=3, threshold=0.5)
    assert repr(few) == "<Found for 2 queries, up to 3 rows each, exact, of float32>"
    assert str(few).splitlines()[1:] == ["query 0: row 0 (1.0000)", "query 1: nothing"]
    x = unit(20, 8)
    lines = str(search(x, x, k=7)).splitlines()
    assert len(lines) == 7
    assert lines[1].startswith("query 0: row 0 (1.0000), row ")
    assert lines[1].endswith(", and 2 more")
    assert lines[-1] == "and 15 more queries"
    lossy = Found(few.indices[:1, :1], few.scores[:1, :1], exact=False, features="int8")
    assert repr(lossy) == "<Found for 1 query, up to 1 row each, not exact, of int8>"
    assert str(search(x[:0], x, k=0)) == "0 queries, up to 0 rows each, exact, of float32"
    indices, scores, exact, features = few  # still a tuple
    assert (indices is few.indices, scores is few.scores, exact, features) == (
        *(True, True, True),
        "float32",
    )
