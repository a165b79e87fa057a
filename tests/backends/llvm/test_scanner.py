"""Scans of the llvm backend: every score against NumPy, and every access within its memory."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.gallery.scanners import ArrayScanner, TooManyHits, find_scanner
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.code import Code, shared_code
from zqcnn_xp_llvm.codegen.access import INTEGERS, LIMITS, POINTERS
from zqcnn_xp_llvm.guarded import call_checked
from zqcnn_xp_llvm.kernels.scan import HEAD, entry_bytes
from zqcnn_xp_llvm.kernels.scan_bytes import byte_dots
from zqcnn_xp_llvm.scanner import ByteScanner, CoarseScanner, FloatScanner, scanner_for
from zqcnn_xp_llvm.target import host_target

DIMS = (1, 16, 31, 64, 130, 515)
COUNTS = (1, 17, 70)
VNNI = {"avx512vnni", "avxvnni"}


def whole(scanner, block, scales, count):
    """All scores, (q, m), with a floor that everything reaches."""
    query, row, score, off = scanner(block, scales, np.full(count, -np.inf, np.float32))
    found = np.full((count, len(block)), np.nan)
    found[query, row] = score
    assert len(query) == found.size
    assert (off >= 0).all()
    return found


@pytest.mark.parametrize("dim", DIMS)
def test_bytes_are_exact(dim, harness):
    rng = np.random.default_rng(dim)
    for width in harness.WIDTHS:
        code = shared_code(host_target(width), checked=False)
        if byte_dots(code.target) is None:
            continue
        for count in COUNTS:
            # The extremes of both sides, and rows that fill no tile.
            block = rng.integers(-128, 128, (29, dim)).astype(np.int8)
            block[0], block[1] = -128, 127
            queries = rng.standard_normal((count, dim)).astype(np.float32)
            queries[0] = np.abs(queries[0]).max()
            scanner = ByteScanner(code, queries)
            found = whole(scanner, block, np.ones(29, np.float32), count)
            exact = scanner.rounded @ block.T.astype(float)
            # Integers up to 2 ** 24 are exact in float32; beyond, one rounding of each is left.
            steps = scanner.steps[:, None]
            assert np.abs(found / steps - exact / steps).max() <= np.abs(exact / steps).max() * 2e-7
            small = np.abs(exact / steps) < 2**24
            np.testing.assert_allclose(found[small], exact[small], rtol=1e-7)


@pytest.mark.parametrize("without", [{"avx512vnni", "avxvnni"}, {"avx512f", "avxvnni"}])
@pytest.mark.parametrize("dim", [3, 16, 31, 64, 130, 512, 700])
def test_bytes_without_their_own_instructions(without, dim):
    """As on processors before VNNI: what this one has more is not used."""
    target = host_target() if "avx512vnni" in without else host_target(256)
    if target.by_lane:
        pytest.skip("Arm decodes")
    if "avx512f" in without and target.name.startswith("AVX-512"):
        target = host_target("AVX2")
    kept = [f for f in target.features.split(",") if f.lstrip("+-") not in without]
    target = replace(target, features=",".join([*kept, *(f"-{f}" for f in sorted(without))]))
    assert byte_dots(target) == "pmaddwd"
    rng = np.random.default_rng(dim)
    block = rng.integers(-128, 128, (29, dim)).astype(np.int8)
    block[0], block[1] = -128, 127
    for count in (1, 70):
        queries = rng.standard_normal((count, dim)).astype(np.float32)
        queries[0] = np.abs(queries[0]).max()
        scanner = ByteScanner(Code(target), queries)
        found = whole(scanner, block, np.ones(29, np.float32), count)
        exact = scanner.rounded @ block.T.astype(float)
        np.testing.assert_allclose(found, exact, rtol=1e-7, atol=1e-7 * np.abs(exact).max())


def exact_targets(harness):
    """Targets that multiply bytes: as they are, and without instructions for it."""
    for width in harness.WIDTHS:
        target = host_target(width)
        if byte_dots(target) is None:
            continue
        yield target
        kept = [f for f in target.features.split(",") if f.lstrip("+-") not in VNNI]
        if not target.by_lane and byte_dots(target) != "pmaddwd":
            yield replace(target, features=",".join([*kept, *(f"-{f}" for f in sorted(VNNI))]))


@pytest.mark.parametrize("dim", DIMS)
def test_bytes_times_bytes_are_exact(dim, harness):
    rng = np.random.default_rng(dim)
    for target in exact_targets(harness):
        for count in COUNTS:
            block = rng.integers(-128, 128, (29, dim)).astype(np.int8)
            stored = rng.integers(-127, 128, (count, dim)).astype(np.int8)
            block[0], block[1], stored[0] = -128, 127, 127
            scanner = CoarseScanner(Code(target), stored, np.full(count, 0.5, np.float32))
            found = whole(scanner, block, np.full(29, 4, np.float32), count)
            exact = 2.0 * (stored.astype(int) @ block.T.astype(int))
            np.testing.assert_allclose(found, exact, rtol=1e-7)


def test_fewer_queries_are_the_first():
    code = shared_code(host_target(), checked=False)
    make = scanner_for(code, "int8-pairs", 32)
    if make is None:
        pytest.skip("no products of bytes")
    rng = np.random.default_rng(3)
    block, stored = (rng.integers(-127, 128, (n, 32)).astype(np.int8) for n in (40, 300))
    stored[5] = 0
    scales = np.where(np.arange(300) == 5, 0, 1).astype(np.float32)
    scanner, exact = make(stored, scales), stored.astype(int) @ block.T.astype(int)
    for count in (1, 63, 64, 65, 200, 300):
        floors = np.full(count, 20_000, np.float32)
        floors[-1] = -np.inf
        query, row, score, _ = scanner(block, np.ones(40, np.float32), floors)
        must = np.argwhere(exact[:count] >= floors[:, None])
        assert set(map(tuple, must.tolist())) <= set(zip(query.tolist(), row.tolist(), strict=True))
        np.testing.assert_array_equal(score, exact[query, row])
        assert query.max() < count


@pytest.mark.parametrize("room", [0, 1, 7, 10**6])
def test_no_more_hits_are_kept_than_there_is_room_for(room):
    """Each kernel writes behind the last entry, once, and counts on."""
    code = shared_code(host_target(), checked=False)
    rng = np.random.default_rng(4)
    queries = rng.standard_normal((2, 64)).astype(np.float32)
    block = rng.integers(-9, 9, (50, 64)).astype(np.int8)
    ones = np.ones(50, np.float32)
    many = np.concatenate([queries] * 9)
    made = [(FloatScanner(code, q), block.astype(np.float32), None) for q in (queries, many)]
    if byte_dots(code.target) is not None:
        made += [(ByteScanner(code, q), block, ones) for q in (queries, many)]
        made.append((CoarseScanner(code, block[:20], ones[:20]), block, ones))
    for scanner, rows, scales in made:
        scanner.room = room
        floors = np.full(scanner.count, -np.inf, np.float32)
        if room < 100:
            with pytest.raises(TooManyHits, match=f"at most {room}$"):
                scanner(rows, scales, floors)
        else:
            assert len(scanner(rows, scales, floors)[0]) == 50 * scanner.count
        floors[:] = np.inf
        assert len(scanner(rows, scales, floors)[0]) == 0


def test_queries_are_rounded_to_sixteen_bits():
    code = shared_code(host_target(), checked=False)
    if byte_dots(code.target) is None:
        pytest.skip("no products of bytes")
    queries = np.random.default_rng(0).standard_normal((9, 100)).astype(np.float32)
    queries[3] = 0
    off = np.abs(ByteScanner(code, queries).rounded - queries)
    assert (off <= np.abs(queries).max(axis=1, keepdims=True) / 32512 / 2 + 1e-12).all()


@pytest.mark.parametrize("dim", DIMS)
def test_floats_are_sums_of_products(dim, harness):
    rng = np.random.default_rng(dim)
    for width in harness.WIDTHS:
        code = shared_code(host_target(width), checked=False)
        for count in COUNTS:
            block = rng.standard_normal((29, dim)).astype(np.float32)
            queries = rng.standard_normal((count, dim)).astype(np.float32)
            query, row, score, off = FloatScanner(code, queries)(
                block, None, np.full(count, -np.inf, np.float32)
            )
            exact = np.einsum("ij,ij->i", queries[query].astype(float), block[row].astype(float))
            assert len(query) == 29 * count
            assert (np.abs(score - exact) <= off).all()
            # A bound that is not needlessly high; some values may count twice.
            sizes = np.abs(queries).max(axis=1)[query] * np.abs(block).sum(axis=1)[row]
            assert (off <= 9 * (dim + 2) * 2.0**-24 * sizes).all()


@pytest.mark.parametrize("kind", [FloatScanner, ByteScanner])
def test_only_what_may_reach_its_floor_comes_back(kind):
    code = shared_code(host_target(), checked=False)
    if kind is ByteScanner and byte_dots(code.target) is None:
        pytest.skip("no products of bytes")
    rng = np.random.default_rng(1)
    block = rng.integers(-20, 20, (500, 64)).astype(np.int8)
    scales = rng.uniform(0.5, 2, 500).astype(np.float32)
    decoded = block * scales[:, None]
    queries = rng.standard_normal((20, 64)).astype(np.float32)
    exact = queries.astype(float) @ decoded.T.astype(float)
    floors = np.quantile(exact, np.linspace(0.5, 1, 20), axis=1).diagonal().astype(np.float32)
    floors[7] = np.inf
    scanner = kind(code, queries)
    query, row, score, off = scanner(block if kind is ByteScanner else decoded, scales, floors)
    if kind is ByteScanner:
        exact = scanner.rounded @ decoded.T.astype(float)
    must = {(i, j) for i, j in np.argwhere(exact >= floors[:, None]).tolist()}
    found = set(zip(query.tolist(), row.tolist(), strict=True))
    assert must <= found
    assert (score + off >= floors[query]).all()
    assert len(found) < len(must) + 20
    assert 7 not in query


def test_what_is_no_number_is_never_left_out():
    scanner = FloatScanner(shared_code(host_target(), checked=False), np.ones((3, 40), np.float32))
    block = np.zeros((30, 40), np.float32)
    block[4, 39], block[17, 0], block[29] = np.nan, np.inf, 3e38
    block[29, ::2] *= -1
    query, row, _, _ = scanner(block, None, np.full(3, 9, np.float32))
    assert sorted(zip(query.tolist(), row.tolist(), strict=True)) == [
        (q, r) for q in range(3) for r in (4, 17, 29)
    ]


@pytest.mark.parametrize("dim", [3, 31, 64, 130])
@pytest.mark.parametrize("count", [1, 17])
@pytest.mark.parametrize("kind", [FloatScanner, ByteScanner])
def test_kernels_stay_within_their_memory(kind, dim, count):
    target = host_target()
    if kind is ByteScanner and byte_dots(target) is None:
        pytest.skip("no products of bytes")
    rng = np.random.default_rng(2)
    queries = rng.standard_normal((count, dim)).astype(np.float32)
    block = rng.integers(-9, 9, (15, dim)).astype(np.int8 if kind is ByteScanner else np.float32)
    scales = np.ones(15, np.float32)
    scanner = kind(Code(target, checked=True), queries)
    outside = []

    def bounded(call):
        def run(place):
            args = np.ctypeslib.as_array((ctypes.c_int64 * LIMITS).from_address(place)).copy()
            starts, integers = args[:POINTERS], args[POINTERS : POINTERS + INTEGERS]
            width = scanner.width
            hits = HEAD + len(block) * width * entry_bytes(scanner.lanes)
            ends = [
                block.ctypes.data + block.nbytes,
                starts[1] + scanner.packed.nbytes,
                starts[2] + 4 * width * scanner.lanes,
                starts[3] + hits,
                (scales.ctypes.data + scales.nbytes) if kind is ByteScanner else starts[4],
                starts[5] + scanner.peaks.nbytes,
            ]
            bounds = list(zip(starts.tolist(), [int(end) for end in ends], strict=True))
            outside.append(call_checked(call, starts.tolist(), integers.tolist(), bounds))

        return run

    scanner._kernels = [(rows, bounded(call)) for rows, call in scanner._kernels]
    scanner(block, scales if kind is ByteScanner else None, np.full(count, -99, np.float32))
    assert outside
    assert set(outside) == {None}


def test_no_kernel_for_other_types():
    code = shared_code(host_target(), checked=False)
    assert scanner_for(code, "float16", 128) is None
    assert scanner_for(code, "float32", 0) is None
    assert scanner_for(code, "float32", 100_000) is None


def test_long_features_are_decoded():
    backend = LlvmBackend()
    ones = np.ones((1, 9000), np.float32)
    assert find_scanner(backend, ones, "int8", 10) is None
    assert isinstance(find_scanner(backend, ones, "float32", 10), ArrayScanner)


@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("rows", [1, 4097, 20_011])
def test_threads_share_a_long_block_and_find_the_same(kind, rows):
    code = shared_code(host_target(), checked=False)
    rng = np.random.default_rng(rows)
    queries = rng.standard_normal((2, 64)).astype(np.float32)
    make = scanner_for(code, kind, 64)
    if make is None:
        pytest.skip("this processor multiplies no bytes")
    if kind == "int8":
        block = rng.integers(-127, 128, (rows, 64)).astype(np.int8)
        scales = rng.uniform(0.5, 1, rows).astype(np.float32)
    else:
        block, scales = rng.standard_normal((rows, 64)).astype(np.float32), None
    scores = queries @ (block if scales is None else block * scales[:, None]).T
    floors = np.quantile(scores, 0.9, axis=1).astype(np.float32)
    alone, together = make(queries), make(queries)
    assert together.long
    together.threads = 3
    for one, two in zip(alone(block, scales, floors), together(block, scales, floors), strict=True):
        np.testing.assert_array_equal(one, two)


def test_many_queries_are_no_long_blocks():
    code = shared_code(host_target(), checked=False)
    assert not scanner_for(code, "float32", 64)(np.zeros((64, 64), np.float32)).long
