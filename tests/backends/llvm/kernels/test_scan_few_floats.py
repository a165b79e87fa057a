"""One query and many run through different kernels, to the same end."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.code import shared_code
from zqcnn_xp_llvm.kernels.scan_few_floats import ScanFewFloats
from zqcnn_xp_llvm.scanner import FloatScanner
from zqcnn_xp_llvm.target import host_target


@pytest.mark.parametrize("dim", [16, 33, 128])
def test_few_queries_find_what_many_do(dim):
    rng = np.random.default_rng(dim)
    block = rng.standard_normal((103, dim)).astype(np.float32)
    queries = rng.standard_normal((9, dim)).astype(np.float32)
    code = shared_code(host_target(), checked=False)
    many, few = FloatScanner(code, queries), FloatScanner(code, queries[:3])
    assert {kind.__name__ for kind in map(type, code._addresses)} >= {"ScanFewFloats", "ScanFloats"}
    floors = np.zeros(9, np.float32)
    query, row, score, off = many(block, None, floors)
    places = {(q, r): (s, o) for q, r, s, o in zip(query, row, score, off, strict=True) if q < 3}
    query, row, score, off = few(block, None, floors[:3])
    found = {(q, r): (s, o) for q, r, s, o in zip(query, row, score, off, strict=True)}
    for place in places.keys() | found.keys():
        if place in places and place in found:
            assert abs(places[place][0] - found[place][0]) <= places[place][1] + found[place][1]
        else:
            # Only what is within the bound of the floor may be in one of them alone.
            s, o = places.get(place) or found[place]
            assert abs(s) <= 2 * o
    assert len(places) > 100


def test_kernels_differ_by_their_fields():
    assert ScanFewFloats(64, 1, 4).symbol != ScanFewFloats(64, 2, 4).symbol
