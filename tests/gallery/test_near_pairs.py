"""All pairs above a threshold against the products in float64, on every backend, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery import near_pairs as module
from zqcnn_xp.gallery import sketches, strips
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.near_pairs import near_pairs
from zqcnn_xp.gallery.rows import as_rows, decoded, quantize

BACKENDS = ["numpy", "llvm", "jax", "torch", "array_api_strict"]


def backend_of(name):
    found = pytest.importorskip({"llvm": "llvmlite"}.get(name, name))
    return Backend(found) if name in ("torch", "array_api_strict") else name


def people(n, d, seed=0):
    """Features of several persons, so that many pairs lie around any threshold."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(-(-n // 7), d)), 7, axis=0)[:n]
    x += rng.uniform(0.2, 1.0, (n, 1)) * rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def joined(hits):
    """Pairs and scores, in order; none twice."""
    parts = [np.concatenate(part) for part in zip(*hits, strict=True)] or [np.zeros(0)] * 3
    assert (parts[0] < parts[1]).all()
    order = np.lexsort((parts[1], parts[0]))
    first, second, score = (part[order] for part in parts)
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)
    return first, second, score


def wanted(features, floor):
    """The definition: products in float64, rounded to float32."""
    exact = features.astype(np.float64)
    first, second = np.triu_indices(len(exact), 1)
    score = np.empty(len(first), np.float32)
    for at in range(0, len(first), 1000):
        part = slice(at, at + 1000)
        with np.errstate(over="ignore"):
            score[part] = np.einsum("ij,ij->i", exact[first[part]], exact[second[part]])
    keep = score >= np.float32(floor)
    return first[keep], second[keep], score[keep]


def same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def short(monkeypatch):
    """Sketches for small sets, too."""
    monkeypatch.setattr(sketches, "_MANY", 100)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("floor", [0.3, 0.8, 0.95])
def test_every_backend_finds_the_same_pairs_and_bits(name, floor, short):
    rows = people(1200, 64)
    found = joined(near_pairs(rows, Floor(floor), backend=backend_of(name), threads=2, block=500))
    assert len(found[0]) > 5
    same(found, wanted(rows, floor))


def test_scores_next_to_the_threshold_fall_on_the_right_side(short):
    """A threshold that is a score, and the numbers of float32 beside it."""
    rows = people(400, 48, seed=1)
    scores = np.sort(wanted(rows, 0.5)[2])
    for score in scores[:: len(scores) // 9]:
        for floor in (np.nextafter(score, np.float32(-2)), score, np.nextafter(score, 2)):
            for name in ("numpy", "llvm"):
                found = joined(near_pairs(rows, Floor(floor), backend=backend_of(name)))
                same(found, wanted(rows, floor))


@pytest.mark.parametrize("kind", ["float16", "int8", "int16"])
@pytest.mark.parametrize("name", ["numpy", "llvm"])
def test_stored_types(kind, name, short):
    features = people(500, 40, seed=2)
    rows = as_rows(features.astype(np.float16)) if kind == "float16" else quantize(features, kind)
    found = joined(near_pairs(rows, Floor(0.7), backend=backend_of(name)))
    assert len(found[0])
    same(found, wanted(decoded(rows, 0, 500), 0.7))


@pytest.mark.parametrize("name", ["numpy", "llvm", "jax"])
@pytest.mark.parametrize("floor", [-np.inf, -0.2, 0.0])
def test_where_most_pairs_count_all_are_scored(name, floor):
    rows = people(300, 33, seed=3)
    same(joined(near_pairs(rows, Floor(floor), backend=backend_of(name))), wanted(rows, floor))


def test_scoring_all_pairs_gives_the_bits_of_scoring_some(monkeypatch, short):
    rows = people(600, 128, seed=4)
    some = joined(near_pairs(rows, Floor(0.6), backend="numpy"))
    monkeypatch.setattr(module, "_DENSE", 1 << 40)
    monkeypatch.setattr(module, "_PAIRS", 1)
    monkeypatch.setattr(module, "_TILE", 7000)
    same(joined(near_pairs(rows, Floor(0.6), backend="numpy")), some)


def test_strips_share_the_rows(monkeypatch, short):
    pytest.importorskip("llvmlite")
    rows = people(1000, 32, seed=5)
    monkeypatch.setattr(strips, "_BYTES", 1)
    monkeypatch.setattr(strips, "_FLOATS", 130)
    monkeypatch.setattr(strips, "_VALUES", 1)
    for name in ("llvm", "numpy"):
        for block in (90, 130, 400):
            found = near_pairs(rows, Floor(0.7), backend=name, block=block, threads=2)
            same(joined(found), wanted(rows, 0.7))


@pytest.mark.parametrize("name", ["numpy", "llvm"])
@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1e8, 1e16, 1e25])
def test_lengths_at_the_ends_of_float32(name, scale, short):
    rows = people(130, 32, seed=6) * np.float32(scale)
    rows[5] = 0
    rows[9, 1:] = 0
    with np.errstate(over="ignore"):
        floor = np.float32(0.7 * float(scale) ** 2)
    found = joined(near_pairs(rows, Floor(floor), backend=backend_of(name)))
    same(found, wanted(rows, floor))


@pytest.mark.parametrize("name", ["numpy", "llvm", "jax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 77, 199])
def test_what_is_no_number_is_named(name, bad, row, short):
    rows = people(200, 32)
    rows[row, 3] = bad
    with pytest.raises(InputError, match=f"no finite number in row {row}$"):
        list(near_pairs(rows, Floor(0.5), backend=backend_of(name)))


def test_a_row_that_is_alone_is_looked_at_too():
    with pytest.raises(InputError, match=r"no finite number in row 0$"):
        list(near_pairs(np.array([[np.nan]], np.float32), Floor(0.5), backend="numpy"))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 50), st.data())
def test_sizes(n, d, block, data):
    whole = st.integers(-3, 3)
    cells = data.draw(st.lists(whole, min_size=n * d, max_size=n * d))
    floor = data.draw(whole)
    rows = np.array(cells, np.float32).reshape(n, d)
    for name in ("numpy", backend_of("llvm")):
        same(joined(near_pairs(rows, Floor(floor), backend=name, block=block)), wanted(rows, floor))


def test_a_floor_may_rise_on_the_way():
    rows = people(900, 24)
    floor, scores = Floor(0.2), []
    for hits in near_pairs(rows, floor, backend="numpy", block=50, threads=1):
        scores.append(hits.score.min())
        floor.raise_to(0.8)
    assert scores[0] < 0.8
    assert min(scores[1:]) >= np.float32(0.8)


def test_one_floor_only():
    with pytest.raises(InputError):
        list(near_pairs(np.eye(3, dtype=np.float32), Floor([0.0, 1.0])))


def test_a_sketch_is_chosen_for_many_rows():
    """With a high threshold some values tell nearly all pairs apart; with a low one they do not."""
    rows = as_rows(people(20_000, 128))
    assert sketches.choose_sketch(rows, 0.95).width < 64
    assert sketches.choose_sketch(rows, 0.95, in_bytes=True).width < 64
    assert sketches.choose_sketch(rows, 0.4).width > 64
    assert sketches.choose_sketch(as_rows(rows[:1000]), 0.95).width == 128


@pytest.mark.parametrize("name", ["numpy", "llvm"])
def test_hits_come_in_parts_where_every_pair_is_one(name):
    """A photo that is there 3,000 times: no more than a tile of pairs is held."""
    rows = np.ones((3000, 32), np.float32) / np.float32(32**0.5)
    pairs, parts = 0, 0
    for hits in near_pairs(rows, Floor(0.9), backend=backend_of(name), threads=1):
        assert len(hits.row) <= module._TILE
        pairs, parts = pairs + len(hits.row), parts + 1
    assert pairs == 3000 * 2999 // 2
    assert parts > 4
