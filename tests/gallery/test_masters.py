"""Masters are those of the plain loop over features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery import masters as module
from zqcnn_xp.gallery.masters import find_masters


def circle(angles):
    angles = np.radians(angles)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def loop(angles, conquer, window):
    """Go through the features one by one, with whole degrees instead of rounding."""
    master_of = [-1] * len(angles)
    for one, angle in enumerate(angles):
        if master_of[one] >= 0:
            continue
        master_of[one] = one
        for other in range(one + 1, len(angles)):
            apart = abs(angle - angles[other]) % 360
            near = min(apart, 360 - apart) <= conquer
            if near and master_of[other] < 0 and (window is None or other - one <= window):
                master_of[other] = one
    return master_of


ANGLES = st.lists(st.integers(0, 359), max_size=40)


@settings(deadline=None)
@given(ANGLES, st.integers(5, 90), st.none() | st.integers(1, 30), st.sampled_from([3, 16, 2048]))
def test_as_the_loop(angles, conquer, window, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = find_masters(circle(angles), np.cos(np.radians(conquer + 0.5)), window=window)
    assert found.tolist() == loop(angles, conquer, window)


def test_a_seed_is_another_order():
    angles = np.random.default_rng(1).integers(0, 360, 300)
    plain = find_masters(circle(angles), 0.9)
    mixed = find_masters(circle(angles), 0.9, seed=3)
    np.testing.assert_array_equal(mixed, find_masters(circle(angles), 0.9, seed=3))
    assert (plain != mixed).any()
    order = np.random.default_rng(3).permutation(300)
    expected = np.empty(300, int)
    expected[order] = order[find_masters(circle(angles[order]), 0.9)]
    np.testing.assert_array_equal(mixed, expected)


@pytest.mark.parametrize("wrong", [{"conquer": np.nan}, {"window": 0}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        find_masters(circle([0]), **wrong)


@pytest.mark.parametrize("name", ["numpy", "llvm", "jax", "torch", "generic"])
def test_every_backend_finds_the_same_masters_of_near_ties(name, monkeypatch):
    """Thresholds that are similarities of pairs, which float32 products miss on either side."""
    package = pytest.importorskip({"llvm": "llvmlite", "generic": "numpy"}.get(name, name))
    backend = Backend(package) if name in ("torch", "generic") else name
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.normal(size=(40, 48)), 5, axis=0) + 0.5 * rng.normal(size=(200, 48))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    exact = rows.astype(float)
    scores = np.array([np.einsum("ij,ij->i", exact, one[None]) for one in exact])
    scores = scores.astype(np.float32)
    monkeypatch.setattr(module, "_BLOCK", 64)
    near = np.sort(scores[(scores > 0.7) & (scores < 0.8)])
    for conquer in near[::6]:
        wanted = [-1] * len(rows)
        for one in range(len(rows)):
            if wanted[one] < 0:
                taken = np.flatnonzero(scores[one] >= conquer)
                for other in [one, *(o for o in taken.tolist() if o > one and wanted[o] < 0)]:
                    wanted[other] = one
        assert find_masters(rows, float(conquer), backend=backend).tolist() == wanted
