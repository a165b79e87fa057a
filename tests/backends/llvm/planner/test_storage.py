"""Buffers, instructions by name, packed weights that are made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.kernels.copies import CopyRuns
from zqcnn_xp_llvm.planner.storage import (
    ALIGNMENT,
    NOWHERE,
    WEIGHT_SLACK,
    Buffer,
    Pool,
    aligned,
    instruction,
)
from zqcnn_xp_llvm.target import NEON


@pytest.mark.parametrize("size", [1, 63, 64, 1000])
def test_memory_starts_on_a_cache_line(size):
    memory = aligned(size)
    assert memory.ctypes.data % ALIGNMENT == 0
    assert (memory.size, memory.any()) == (size, False)


def test_arguments_go_by_name():
    buffer = Buffer("arena")
    made = instruction(CopyRuns(1), {"out": (buffer, 8)}, {"tiles": 3, "count0": 2})
    places = dict(zip(CopyRuns.pointers, made.places, strict=True))
    assert places == {"x": (NOWHERE, 0), "out": (buffer, 8)}
    integers = dict(zip(CopyRuns.integers, made.integers, strict=True))
    assert (integers.pop("tiles"), integers.pop("count0")) == (3, 2)
    assert not any(integers.values())


def test_weights_are_packed_once_by_many_threads():
    pool, made = Pool(NEON), []

    def make():
        made.append(1)
        return np.arange(6, dtype=np.float64).reshape(2, 3).T

    with ThreadPoolExecutor(8) as threads:
        places = list(threads.map(lambda _: pool.pack("key", make), range(32)))
    assert len(made) == 1
    (buffer, offset), *others = places
    assert offset == 0
    assert all(other[0] is buffer for other in others)
    # float32, in the order of memory, with zeros behind that nobody reads.
    assert buffer.array.ctypes.data % ALIGNMENT == 0
    assert buffer.array.size == 24 + WEIGHT_SLACK
    floats = buffer.array[:24].view(np.float32)
    np.testing.assert_array_equal(floats, [0, 3, 1, 4, 2, 5])
    assert not buffer.array[24:].any()
    assert pool.bytes == buffer.array.size


def test_keys_tell_packings_apart():
    pool = Pool(NEON)
    one = pool.pack(("a", 1), lambda: np.ones(3))
    two = pool.pack(("a", 2), lambda: np.zeros(3))
    assert one[0] is not two[0]
    assert pool.pack(("a", 1), lambda: np.zeros(3)) == one
