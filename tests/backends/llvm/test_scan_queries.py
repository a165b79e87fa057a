"""Queries as integers: what the layouts hold is what was rounded."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.scan_queries import pack_bytes, pack_lanes, pack_places, round_queries

DOTS = ["vpdpbusd", "sdot", "pmaddwd"]


def drawn(count, dim):
    queries = np.random.default_rng(dim).standard_normal((count, dim)).astype(np.float32)
    queries[0] = 0
    return queries


@pytest.mark.parametrize("dot", DOTS)
def test_rounding_is_half_a_step_and_sums_have_room(dot):
    for dim in (1, 128, 512, 4000):
        queries = drawn(5, dim)
        whole, steps = round_queries(queries, dot)
        assert (np.abs(whole * steps[:, None] - queries) <= steps[:, None] * 0.5001).all()
        assert np.abs(whole).max() <= 127 * 256
        if dot == "pmaddwd":
            assert np.abs(whole).sum(axis=1).max() * 128 < 2**31
        assert (whole[0] == 0).all()


@pytest.mark.parametrize("dot", DOTS)
@pytest.mark.parametrize("dim", [1, 6, 64])
def test_lanes_hold_every_value(dot, dim):
    whole, _ = round_queries(drawn(11, dim), dot)
    laid = pack_lanes(whole, dot, 2, 2, 4)
    assert laid.shape == (2, 1 + -(-dim // 4), 2, 2, 4)
    start, words = laid[:, 0], np.ascontiguousarray(laid[:, 1:])
    if dot == "pmaddwd":
        # (group, step, vector, half, lane, pair): value 4 * step + 2 * pair + half.
        values = words.view(np.int16).reshape(2, -1, 2, 2, 4, 2).transpose(0, 2, 4, 1, 5, 3)
    else:
        parts = words.view(np.int8).reshape(2, -1, 2, 2, 4, 4).astype(int)
        values = (256 * parts[:, :, :, 0] + parts[:, :, :, 1]).transpose(0, 2, 3, 1, 4)
        sums = parts.transpose(0, 2, 3, 4, 1, 5).reshape(2, 2, 2, 4, -1).sum(axis=-1)
        np.testing.assert_array_equal(start, (-128 if dot == "vpdpbusd" else 0) * sums)
    values = values.reshape(16, -1)
    np.testing.assert_array_equal(values[:11, :dim], whole)
    assert (values[11:] == 0).all()
    assert (values[:, dim:] == 0).all()


@pytest.mark.parametrize("dot", DOTS)
@pytest.mark.parametrize("dim", [1, 6, 64])
def test_bytes_lie_as_the_high_part_does(dot, dim):
    stored = np.random.default_rng(dim).integers(-127, 128, (11, dim)).astype(np.int8)
    laid = pack_bytes(stored, dot, 2, 2, 4)
    if dot == "pmaddwd":
        np.testing.assert_array_equal(laid, pack_lanes(stored.astype(np.int64), dot, 2, 2, 4))
        return
    both = pack_lanes(256 * stored.astype(np.int64), dot, 2, 2, 4)
    np.testing.assert_array_equal(laid, both[:, :, :, :1])
    assert laid.flags.c_contiguous


@pytest.mark.parametrize("dot", DOTS)
@pytest.mark.parametrize("dim", [32, 50, 70])
def test_places_count_every_value_once(dot, dim):
    whole, _ = round_queries(drawn(3, dim), dot)
    laid = pack_places(whole, dot, 32)
    wide = 16 if dot == "pmaddwd" else 32
    starts = [*range(0, dim - wide, wide), dim - wide]
    size = 3 * len(starts) * wide * 2
    if dot == "pmaddwd":
        parts = laid[:size].view(np.int16).reshape(3, 1, len(starts), wide).astype(int)
    else:
        parts = laid[:size].reshape(3, 2, len(starts), wide).astype(int) * [[[256]], [[1]]]
    values = np.zeros((3, dim), int)
    for k, start in enumerate(starts):
        values[:, start : start + wide] += parts.sum(axis=1)[:, k]
    np.testing.assert_array_equal(values, whole)
    added = laid[size:].view(np.int32)
    wanted = (-128 * whole.sum(axis=1)).astype(np.int32) if dot == "vpdpbusd" else np.zeros(3)
    np.testing.assert_array_equal(added, wanted)
