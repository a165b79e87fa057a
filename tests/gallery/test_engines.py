"""Other libraries behind the same call."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, PackageMissing
from zqcnn_xp.gallery.engines import EXACT, build_index
from zqcnn_xp.gallery.rows import as_rows, quantize
from zqcnn_xp.gallery.search import search

ENGINES = {"faiss": "faiss", "faiss-sq8": "faiss", "usearch": "usearch", "usearch-hnsw": "usearch"}


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("queries", [1, 7])
def test_an_engine_finds_what_the_exact_search_does(engine, queries) -> None:
    pytest.importorskip(ENGINES[engine])
    x = unit(2000, 24)
    asked = x[:queries] + np.float32(0.01)
    exact = search(asked, x, 5, backend="numpy")
    found = search(asked, x, 5, engine=engine, threads=1)
    assert found.exact == (engine in EXACT)
    assert engine in found.features
    # An index that is not exact misses some; the nearest it does not.
    recall = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found[0], exact[0], strict=True)])
    assert recall >= (1.0 if engine in EXACT else 0.8)
    assert (found.indices[:, 0] == exact.indices[:, 0]).all()
    np.testing.assert_allclose(found.scores[:, 0], exact.scores[:, 0], atol=0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_thresholds_and_small_galleries(engine) -> None:
    pytest.importorskip(ENGINES[engine])
    x = unit(6, 8)
    found = search(x[:2], quantize(x), 9, threshold=0.9, engine=engine, threads=1)
    assert found.indices.shape == (2, 9)
    assert found.indices[:, 0].tolist() == [0, 1]
    assert (found.indices[:, 1:] == -1).all()
    assert (found.scores[:, 1:] == -np.inf).all()
    nothing = search(x, np.empty((0, 8), np.float32), 2, engine=engine)
    assert (nothing.indices == -1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_no_k(engine) -> None:
    with pytest.raises(InputError, match="found no k"):
        search(unit(1, 8), unit(3, 8), None, threshold=0.1, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_absent_library_is_named(engine, monkeypatch) -> None:
    import sys

    for name in ("faiss", "usearch", "usearch.index"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PackageMissing, match="search"):
        search(unit(1, 8), unit(3, 8), engine=engine)
    with pytest.raises(PackageMissing, match="search"):
        build_index(engine, as_rows(unit(3, 8)))
