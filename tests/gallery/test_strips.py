"""Strips let every pair through that counts, and say where there are too many."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.gallery import strips
from zqcnn_xp.gallery.scanners import TooManyHits
from zqcnn_xp.gallery.sketches import Sketch
from zqcnn_xp.gallery.strips import ByteStrip, FloatStrip, strip_sizes
from zqcnn_xp.registry import get_backend


def unit(n, d, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def made(kind, sketch, features):
    if kind != "bytes":
        return FloatStrip(
            get_backend("numpy") if kind == "numpy" else Backend(np), sketch, features, 99
        )
    pytest.importorskip("llvmlite")
    native = get_backend("llvm").scanner("int8-pairs", sketch.width)
    if native is None:
        pytest.skip("this processor multiplies no bytes")
    return ByteStrip(native, sketch, features)


@pytest.mark.parametrize("kind", ["bytes", "numpy", "generic"])
@pytest.mark.parametrize("count", [150, 64, 1])
def test_nothing_that_counts_is_left_out(kind, count):
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(32, 32)))[0].astype(np.float32)
    for sketch in (Sketch(32), Sketch(32, axes[:, :14])):
        strip = made(kind, sketch, unit(150, 32))
        block = unit(99, 32, seed=1)
        short, lengths = sketch.of(block)
        query, row = strip.near(short, lengths, 0.4, count)
        found = set(zip(query.tolist(), row.tolist(), strict=True))
        exact = strip.features.astype(float) @ block.T.astype(float)
        assert set(map(tuple, np.argwhere(exact[:count] >= 0.4).tolist())) <= found
        assert query.max(initial=0) < count
        if sketch.axes is None:
            assert len(found) <= np.count_nonzero(exact >= 0.3)


@pytest.mark.parametrize("kind", ["bytes", "numpy"])
@pytest.mark.parametrize("length", [1e18, 1e25])
@pytest.mark.parametrize("axes", [None, np.eye(8, dtype=np.float32)[:, :4]])
def test_without_a_bound_all_may_count(kind, length, axes):
    sketch = Sketch(8, axes)
    long = np.full((4, 8), length, np.float32)
    for own, other in ((long, unit(3, 8)), (unit(3, 8), long)):
        with pytest.raises(TooManyHits, match="too long"):
            made(kind, sketch, own).near(*sketch.of(other), 0.0, len(own))


def test_hits_have_a_limit(monkeypatch):
    monkeypatch.setattr(strips, "_BLOCK", 1)
    monkeypatch.setattr(strips, "_LEAST_ROOM", 4)
    sketch = Sketch(32)
    strip = made("bytes", sketch, unit(150, 32))
    with pytest.raises(TooManyHits, match="expected at most 4"):
        strip.near(*sketch.of(unit(99, 32)), -1.0, 150)
    query, _ = strip.near(*sketch.of(unit(99, 32, seed=7)), 0.99, 150)
    assert len(query) < 64


def test_sizes():
    assert strip_sizes(128, 50, True) == (16384, 50)
    assert strip_sizes(1 << 20, None, True)[0] == 1024
