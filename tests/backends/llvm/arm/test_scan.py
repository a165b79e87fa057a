"""Scans for `NEON`, with and without products of bytes, run by qemu."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp_llvm.code import compile_object
from zqcnn_xp_llvm.codegen.access import LIMITS, POINTERS
from zqcnn_xp_llvm.kernels.scan import HEAD, entry_bytes
from zqcnn_xp_llvm.kernels.scan_few import ScanFewBytes
from zqcnn_xp_llvm.scanner import ByteScanner, CoarseScanner, FloatScanner
from zqcnn_xp_llvm.target import NEON

DOTS = replace(NEON, features="+neon,+dotprod")


class Cross:
    """In the place of `Code`: kernels are compiled for another processor."""

    def __init__(self, target):
        self.target = target
        self.kernels = []

    def addresses(self, kernels):
        self.kernels = list(kernels)
        return {kernel: number for number, kernel in enumerate(self.kernels)}


def emulated(arm, scanner, block, scales):
    """Let a scanner call its kernels under the emulator."""
    code = scanner.code

    def program(kernel):
        made = arm.folder / f"scan_{kernel.symbol}"
        if not made.exists():
            held = made.with_suffix(".o")
            held.write_bytes(compile_object(code.target, kernel))
            source = Path(__file__).with_name("scan.c")
            flags = ["-O1", "-Wall", "-Werror", "-static", f"-DKERNEL={kernel.symbol}"]
            subprocess.run([arm.compiler, *flags, "-o", made, source, held], check=True)
        return made

    def call(kernel):
        def run(place):
            args = np.ctypeslib.as_array((ctypes.c_int64 * LIMITS).from_address(place)).copy()
            lanes = scanner.width * scanner.lanes
            sizes = [
                block.ctypes.data + block.nbytes - args[0],
                scanner.packed.nbytes,
                4 * lanes,
                HEAD + len(block) * scanner.width * entry_bytes(scanner.lanes),
                4 * lanes if scales is None else scales.ctypes.data + scales.nbytes - args[4],
                scanner.peaks.nbytes,
            ]
            image, places = bytearray(8 * LIMITS), []
            for start, size in zip(args[:POINTERS].tolist(), map(int, sizes), strict=True):
                image += bytes(-len(image) % 64)
                places.append(len(image))
                image += ctypes.string_at(start, size)
            image[: 8 * LIMITS] = np.concatenate([places, args[POINTERS:]]).tobytes()
            source, result = arm.folder / "scan_in", arm.folder / "scan_out"
            source.write_bytes(image)
            subprocess.run([*arm.emulator, program(kernel), source, result], check=True)
            memory = result.read_bytes()[places[3] :][: sizes[3]]
            ctypes.memmove(int(args[3]), memory, len(memory))

        return run

    pairs = zip(code.kernels, scanner._kernels, strict=True)
    scanner._kernels = [(rows, call(kernel)) for kernel, (rows, _) in pairs]
    return scanner


@pytest.mark.parametrize("dim", [3, 130])
@pytest.mark.parametrize("count", [1, 6])
def test_bytes_are_exact(arm, dim, count):
    rng = np.random.default_rng(dim)
    block = rng.integers(-128, 128, (21, dim)).astype(np.int8)
    block[0], block[1] = -128, 127
    scales = np.ones(21, np.float32)
    queries = rng.standard_normal((count, dim)).astype(np.float32)
    scanner = emulated(arm, ByteScanner(Cross(DOTS), queries), block, scales)
    assert isinstance(scanner.code.kernels[0], ScanFewBytes) == (count == 1 and dim >= 16)
    query, row, score, _ = scanner(block, scales, np.full(count, -np.inf, np.float32))
    assert len(query) == 21 * count
    exact = (scanner.rounded @ block.T.astype(float))[query, row]
    # The sums are exact; below 2 ** 24 steps so are they in float32.
    small = np.abs(exact / scanner.steps[query]) < 2**24
    np.testing.assert_allclose(score[small], exact[small], rtol=1e-7)
    np.testing.assert_allclose(score, exact, rtol=1e-6)


@pytest.mark.parametrize("dim", [3, 130])
def test_bytes_times_bytes_are_exact(arm, dim):
    rng = np.random.default_rng(dim)
    block = rng.integers(-128, 128, (21, dim)).astype(np.int8)
    stored = rng.integers(-127, 128, (11, dim)).astype(np.int8)
    block[0], stored[0] = -128, 127
    ones = np.ones(21, np.float32)
    scanner = emulated(arm, CoarseScanner(Cross(DOTS), stored, ones[:11]), block, ones)
    query, row, score, _ = scanner(block, ones, np.full(11, -np.inf, np.float32))
    assert len(query) == 21 * 11
    np.testing.assert_array_equal(score, (stored.astype(int) @ block.T.astype(int))[query, row])


@pytest.mark.parametrize("dim", [3, 130])
@pytest.mark.parametrize("count", [1, 11])
def test_floats_are_sums_of_products(arm, dim, count):
    rng = np.random.default_rng(dim)
    block = rng.standard_normal((21, dim)).astype(np.float32)
    queries = rng.standard_normal((count, dim)).astype(np.float32)
    floors = np.full(count, 0.5, np.float32)
    scanner = emulated(arm, FloatScanner(Cross(NEON), queries), block, None)
    query, row, score, off = scanner(block, None, floors)
    exact = queries.astype(float) @ block.T.astype(float)
    assert (np.abs(score - exact[query, row]) <= off).all()
    must = {(i, j) for i, j in np.argwhere(exact >= 0.5 + 1e-4).tolist()}
    may = {(i, j) for i, j in np.argwhere(exact >= 0.5 - 1e-4).tolist()}
    assert must <= set(zip(query.tolist(), row.tolist(), strict=True)) <= may
