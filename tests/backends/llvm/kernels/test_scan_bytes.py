"""Which instructions multiply bytes; the sums themselves are in test_scanner.py."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.scan_bytes import ScanBytes, byte_dots, sums_of
from zqcnn_xp_llvm.target import NEON, target_for

AVX2 = {"avx2", "fma"}
AVX512 = {*AVX2, "avx512f", "avx512dq", "avx512bw", "avx512vl"}


@pytest.mark.parametrize(
    ("features", "width", "wanted"),
    [
        (set(), None, "pmaddwd"),
        (AVX2, None, "pmaddwd"),
        ({*AVX2, "avxvnni"}, None, "vpdpbusd"),
        (AVX512, None, "pmaddwd"),
        ({*AVX512, "avx512vnni"}, None, "vpdpbusd"),
        ({*AVX512, "avx512vnni"}, 256, "vpdpbusd"),
        # Named vectors leave out what belongs to longer ones.
        ({*AVX512, "avx512vnni"}, "AVX2", "pmaddwd"),
    ],
)
def test_instructions_of_x86(features, width, wanted):
    assert byte_dots(target_for("x86_64", "x86_64-linux-gnu", "some", features, width)) == wanted


def test_instructions_of_arm():
    assert byte_dots(NEON) is None
    assert byte_dots(target_for("aarch64", "aarch64", "some", {"neon", "dotprod"})) == "sdot"


def test_kernels_differ_by_instruction():
    names = {ScanBytes(128, 4, 3, dot).symbol for dot in ("vpdpbusd", "sdot", "pmaddwd")}
    assert len(names) == 3
    assert (sums_of("sdot"), sums_of("pmaddwd")) == (2, 1)
    assert (sums_of("sdot", 1), sums_of("pmaddwd", 1)) == (1, 1)
    assert ScanBytes(128, 4, 3, "sdot", 1).symbol != ScanBytes(128, 4, 3, "sdot").symbol
