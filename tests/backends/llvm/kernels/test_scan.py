"""The code of a scan: scores stay in registers, and only entries of hits are written."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.code import source
from zqcnn_xp_llvm.kernels.scan import HEAD, ScanFloats, entry_bytes, rounding
from zqcnn_xp_llvm.kernels.scan_bytes import ScanBytes
from zqcnn_xp_llvm.target import NEON, host_target


@pytest.mark.parametrize("kernel", [ScanFloats(64, 2, 3), ScanBytes(64, 2, 3, "sdot")])
def test_nothing_is_stored_on_the_way_that_is_nearly_always_taken(kernel):
    """Stores are in blocks that a comparison leads to."""
    text = source(NEON, kernel)
    blocks = re.split(r"\n(?=\S+:)", text)
    stores = [block for block in blocks if re.search(r"\bstore\b", block)]
    assert len(stores) == kernel.vectors * kernel.rows
    assert all(re.match(r"\S*\.if", block) for block in stores)


def test_products_with_many_values_are_bounded_more_widely():
    assert rounding(128) >= 128 * 2.0**-24
    assert rounding(512) > rounding(128)
    assert entry_bytes(16) == 76
    assert HEAD == 16


def test_a_tile_fits_the_registers():
    from zqcnn_xp_llvm.scanner import _tile

    for target in (NEON, host_target()):
        for count in (1, 20, 1000):
            for parts in (1, 2):
                vectors, rows, groups = _tile(target, count, parts)
                assert vectors * rows * parts + 2 < target.registers
                assert vectors * groups * target.lanes >= count
