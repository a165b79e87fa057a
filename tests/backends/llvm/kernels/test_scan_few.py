"""Vectors of a feature: each value is in one, and none lies outside."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.scan_few import few_bytes, few_starts


@pytest.mark.parametrize("width", [8, 16, 64])
def test_vectors_cover_a_feature(width):
    for dim in range(width, 5 * width):
        starts = few_starts(dim, width)
        covered = {at + k for at in starts for k in range(width)}
        assert covered == set(range(dim))
        assert len(starts) == -(-dim // width)


def test_widened_bytes_are_half_as_many():
    assert few_bytes(64, "vpdpbusd") == few_bytes(64, "sdot") == 64
    assert few_bytes(64, "pmaddwd") == 32
