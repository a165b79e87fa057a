"""Streams of scores against the whole matrix of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import ArrayRows, decoded, quantize
from zqcnn_xp.gallery.scan import Floor, Hits, scan, scan_pairs

BACKENDS = ["numpy", "llvm", "jax", "generic"]


def backend_of(name: str) -> str | Backend:
    if name in ("llvm", "jax"):
        pytest.importorskip({"llvm": "llvmlite"}.get(name, name))
    return Backend(np) if name == "generic" else name


def features(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def joined(hits: list[Hits]) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for h in hits:
        for q, r, s in zip(h.query.tolist(), h.row.tolist(), h.score.tolist(), strict=True):
            assert (q, r) not in found
            found[q, r] = s
    return found


def same_as(found: dict[tuple[int, int], float], scores: np.ndarray, floor: float) -> None:
    """Compare hits with a matrix of scores; within rounding of the floor either is right."""
    must = {(int(i), int(j)) for i, j in np.argwhere(scores >= floor + 1e-6)}
    may = {(int(i), int(j)) for i, j in np.argwhere(scores >= floor - 1e-6)}
    assert must <= set(found) <= may
    for place, score in found.items():
        assert score == pytest.approx(scores[place], abs=1e-6)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("threads", [1, 3])
def test_scan_finds_what_the_whole_matrix_holds(name: str, threads: int) -> None:
    queries, rows = features(37, 19), features(1003, 19, seed=1)
    hits = list(
        scan(queries, rows, Floor(0.4), backend=backend_of(name), threads=threads, block=100)
    )
    assert len(hits) > 5
    same_as(joined(hits), queries.astype(float) @ rows.T.astype(float), 0.4)


@pytest.mark.parametrize("name", BACKENDS)
def test_pairs_come_once_each(name: str) -> None:
    rows = features(2100, 16)
    hits = list(scan_pairs(rows, Floor(0.6), backend=backend_of(name), threads=2, block=300))
    scores = np.triu(rows.astype(float) @ rows.T.astype(float), 1)
    assert all((h.query < h.row).all() for h in hits)
    same_as(joined(hits), scores, 0.6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), st.integers(0, 60), st.integers(1, 9), st.integers(1, 70), st.data())
def test_sizes(q: int, n: int, d: int, block: int, data: st.DataObject) -> None:
    whole = st.integers(-3, 3)
    cells = data.draw(st.lists(whole, min_size=(q + n) * d, max_size=(q + n) * d))
    floor = data.draw(whole)
    both = np.array(cells, np.float32).reshape(q + n, d)
    queries, rows = both[:q], both[q:]
    # Whole numbers are exact: what is equal to the floor is a hit.
    found = joined(list(scan(queries, rows, Floor(floor), backend="numpy", threads=1, block=block)))
    scores = queries @ rows.T
    assert found == {(i, j): s for (i, j), s in np.ndenumerate(scores) if s >= floor}


@pytest.mark.parametrize("kind", ["float16", "int8", "int16"])
def test_reduced_rows_are_decoded(kind: str) -> None:
    queries, x = features(5, 33), features(400, 33, seed=2)
    rows = ArrayRows(x.astype(kind)) if kind == "float16" else quantize(x, kind)
    found = joined(list(scan(queries, rows, Floor(0.3), backend="numpy")))
    same_as(found, queries.astype(float) @ decoded(rows, 0, 400).T.astype(float), 0.3)


def test_floor_is_raised_on_the_way() -> None:
    rows = features(5000, 8)
    floor, seen = Floor(-1.0), []
    for h in scan(rows[:2], rows, floor, backend="numpy", threads=1, block=50):
        seen.append(len(h.row))
        floor.raise_to([0.9, 2.0])
    assert seen[0] == 100
    assert 0 < sum(seen[1:]) < 500


def test_each_query_has_a_floor() -> None:
    rows = np.eye(4, dtype=np.float32)
    found = joined(list(scan(rows[:2], rows, Floor([0.0, 1.0]), backend="numpy")))
    assert set(found) == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 1)}


def test_a_scan_may_be_left() -> None:
    rows = features(3000, 8)
    hits = scan_pairs(rows, Floor(0.0), backend="numpy", threads=2, block=100)
    next(hits)
    del hits


@pytest.mark.parametrize("n", [0, 1])
def test_no_pairs(n: int) -> None:
    assert list(scan_pairs(np.ones((n, 4), np.float32), Floor(), backend="numpy")) == []


def test_nothing_to_scan() -> None:
    nothing, some = np.empty((0, 4), np.float32), np.ones((2, 4), np.float32)
    assert list(scan(nothing, some, Floor(), backend="numpy")) == []
    assert list(scan(some, nothing, Floor(), backend="numpy")) == []


def test_what_is_refused() -> None:
    rows = np.ones((3, 4), np.float32)
    with pytest.raises(InputError, match=r"query 1"):
        scan([[1, 1, 1, 1], [1, np.nan, 1, 1]], rows, Floor())
    with pytest.raises(InputError, match=r"expected \(q, 4\)"):
        scan(np.ones((1, 5)), rows, Floor())
    with pytest.raises(InputError, match="no numbers"):
        scan([["a"]], rows, Floor())
    with pytest.raises(InputError, match="floors for 2 queries"):
        scan(np.ones((3, 4)), rows, Floor([0.0, 1.0]))
    with pytest.raises(InputError, match="floors for 2 queries"):
        scan_pairs(rows, Floor([0.0, 1.0]))
    with pytest.raises(InputError, match="expected a NumPy array"):
        scan(np.ones((3, 4)), [[1.0]], Floor())  # type: ignore[arg-type]
