"""The loop that runs programs: every item once, phases in turn, samples and ranges, any threads."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.code import Code, shared_code
from zqcnn_xp_llvm.codegen.access import POINTERS
from zqcnn_xp_llvm.driver import COUNTER, INSTRUCTION, ITEM, PHASE, STATE
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.target import host_target


@dataclass(frozen=True)
class Count(Kernel):
    """Double the float at ``x`` and add a number, ``times`` times."""

    pointers: ClassVar[tuple[str, ...]] = ("x",)
    integers: ClassVar[tuple[str, ...]] = ("times",)

    add: float

    def emit(self, e):
        place = e.pointer(0)
        with e.loop(self.integer(e, "times")):
            value = e.load_scalar(place)
            e.store_scalar(e.b.fadd(e.b.fadd(value, value), e.scalar(self.add)), place)
        e.finish()


@pytest.fixture(scope="module")
def code():
    return Code(host_target())


def drive(code, program, phases, items, memory, threads, strides=(0,)):
    """Run rows of (kernel, base, offset, times) on one buffer, in some threads at once."""
    made = code.addresses([kernel for kernel, *_ in program])
    table = np.zeros((len(program), INSTRUCTION), np.int64)
    for row, (kernel, base, offset, times) in zip(table, program, strict=True):
        row[0], row[1], row[2] = made[kernel], base, offset
        row[1 + 2 * POINTERS] = times
    phases = np.array(phases, np.int64).reshape(-1, PHASE)
    items = np.array(items or [[0] * ITEM], np.int64)
    bases = np.zeros((threads, 2 * len(strides)), np.int64)
    bases[:, ::2] = memory.ctypes.data
    bases[:, 1::2] = strides
    counters = np.zeros(COUNTER * len(phases), np.int64)
    state = np.array(
        [
            table.ctypes.data,
            phases.ctypes.data,
            len(phases),
            items.ctypes.data,
            bases.ctypes.data,
            counters.ctypes.data,
            bases.shape[1],
        ],
        np.int64,
    )
    assert state.size == STATE
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
        shared_code(host_target(), False).driver()
    )
    helpers = [threading.Thread(target=run, args=(state.ctypes.data, k)) for k in range(1, threads)]
    for helper in helpers:
        helper.start()
    run(state.ctypes.data, 0)
    for helper in helpers:
        helper.join(240)
        assert not helper.is_alive()
    return counters.reshape(-1, COUNTER)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_sample_runs_once_and_in_order(code, threads):
    """x -> (2 x + 1) -> (2 x + 2) for each sample: another order gives another number."""
    memory = np.zeros((40, 8), np.float32)
    memory[:, 0] = np.arange(40)
    program = [(Count(1.0), 0, 0, 1), (Count(2.0), 0, 0, 1)]
    counters = drive(code, program, [0, 40, 1, 0, 2], None, memory, threads, (32,))
    np.testing.assert_array_equal(memory[:, 0], 4 * np.arange(40) + 4)
    assert not memory[:, 1:].any()
    assert counters[0, COUNTER // 2] == 40


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_phases_wait_for_each_other(code, threads):
    """Each item of the second phase doubles what all items of the first one have made."""
    memory = np.ones(64, np.float32)
    first = [(Count(1.0), 0, 4 * k, 1 + 50 * (k == 0)) for k in range(16)]
    second = [(Count(0.0), 0, 4 * (15 - k), 1) for k in range(16)]
    items = [[k, k + 1, 0] for k in range(32)]
    memory[0] = -1.0  # 2 x + 1 keeps it
    for _ in range(20):
        memory[:16] = 1.0
        memory[0] = -1.0
        drive(code, first + second, [[0, 16, 0, 0, 0], [16, 16, 0, 0, 0]], items, memory, threads)
        np.testing.assert_array_equal(memory[1:16], 6.0)
        assert memory[0] == -2.0


def test_ranges_of_several_instructions(code):
    memory = np.zeros(4, np.float32)
    program = [(Count(1.0), 0, 4 * (k // 3), 1) for k in range(9)]
    drive(code, program, [0, 3, 0, 0, 0], [[0, 3, 0], [3, 6, 0], [6, 9, 0]], memory, 2)
    np.testing.assert_array_equal(memory, [7, 7, 7, 0])


def test_nothing_to_do(code):
    memory = np.ones(4, np.float32)
    drive(code, [(Count(1.0), 0, 0, 1)], np.zeros((0, PHASE)), None, memory, 2)
    drive(code, [(Count(1.0), 0, 0, 1)], [0, 0, 1, 0, 1], None, memory, 2)
    drive(code, [(Count(1.0), 0, 0, 1)], [0, 1, 0, 0, 0], [[0, 0, 0]], memory, 1)
    assert (memory == 1).all()


def test_denormals_are_zero_while_it_runs_and_numbers_after(code):
    memory = np.full(4, 1e-42, np.float32)
    drive(code, [(Count(0.0), 0, 0, 1)], [0, 1, 1, 0, 1], None, memory, 1)
    assert memory[0] == 0
    assert (memory[1:] * np.float32(0.5) != 0).all()
