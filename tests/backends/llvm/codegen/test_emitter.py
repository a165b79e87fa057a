"""The assembler: loops that carry values, memory, lanes, integers known or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvmlite import ir

from zqcnn_xp_llvm.codegen.access import (
    CHECKED_WORDS,
    INTEGERS,
    LIMITS,
    POINTERS,
    REPORT,
    SPARE,
    Access,
)
from zqcnn_xp_llvm.codegen.emitter import Emitter
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.target import NEON


@dataclass(frozen=True)
class Body(Kernel):
    """A kernel made of a function of this file, by name."""

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = ("n", "m")

    name: str

    def emit(self, e):
        BODIES[self.name](e, e.pointer(0), e.pointer(1), e.integer(0), e.integer(1))
        e.finish()


BODIES: dict[str, Callable] = {}


def body(function):
    BODIES[function.__name__] = function
    return function


@body
def sum_of_products(e, x, out, n, m):
    """Nested loops that carry a value from turn to turn."""
    with e.loop(n, [e.constant(0.0)]) as outer:
        with e.loop(m, outer.values) as inner:
            at = e.mul(e.add(e.mul(outer.index, m), inner.index), 4)
            inner.results = [e.b.fadd(inner.values[0], e.broadcast(e.at(x, at)))]
        outer.results = inner.results
    e.store(outer.results[0], out)


@body
def once(e, x, out, n, m):
    """A loop of one turn is no loop: its index is known."""
    with e.loop(1, [e.constant(1.0)]) as turn:
        assert turn.index == 0
        turn.results = [e.b.fadd(turn.values[0], e.load(e.at(x, turn.index)))]
    e.store(turn.results[0], out)


@body
def some_lanes(e, x, out, n, m):
    value = e.load(x)
    e.store_some(value, out, 3)
    e.store_some(value, e.at(out, 4 * e.lanes), e.lanes)


@body
def parted(e, x, out, n, m):
    a, b = e.load(x), e.load(e.at(x, e.target.vector_bytes))
    e.store(e.evens(a, b), out)
    e.store(e.odds(a, b), e.at(out, e.target.vector_bytes))


@body
def extremes(e, x, out, n, m):
    a, b = e.load(x), e.load(e.at(x, e.target.vector_bytes))
    e.store(e.largest(a, b), out)
    e.store(e.smallest(a, b), e.at(out, e.target.vector_bytes))


@body
def least_of_integers(e, x, out, n, m):
    at = e.mul(e.least(n, m), 4)
    e.store_scalar(e.load_scalar(e.at(x, at)), e.at(out, at))


@body
def read_again(e, x, out, n, m):
    """What was stored is read anew, in this block and in others."""
    e.store(e.load(x), out)
    first = e.load(out)
    e.store(e.b.fadd(first, first), out)
    e.store(e.b.fadd(e.load(out), first), out)  # 3 x
    with e.loop(n):
        e.store(e.b.fadd(e.load(out), e.load(x)), out)
    e.store(e.b.fadd(e.load(out), e.load(x)), out)
    e.store_scalar(e.scalar(7.0), out)
    e.store(e.b.fadd(e.broadcast(out), e.load(out)), out)


@body
def read_twice(e, x, out, n, m):
    """The same places, several times without a store in between."""
    total = e.constant(0.0)
    for _ in range(3):
        total = e.b.fadd(total, e.b.fadd(e.load(x), e.broadcast(e.at(x, 4))))
    e.store(total, out)


def run(harness, name, x, size, width, checked=True, **integers):
    held = {"x": np.asarray(x, np.float32), "out": np.zeros(size, np.float32)}
    assert harness.call(Body(name), held, integers, width=width, checked=checked) is None
    return held["out"]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (4, 1), (3, 7)])
def test_loops_carry_values(harness, width, checked, n, m):
    x = np.arange(n * m) + 1
    found = run(harness, "sum_of_products", x, harness.lanes(width), width, checked, n=n, m=m)
    np.testing.assert_array_equal(found, x.sum())


def test_a_loop_of_one_turn(harness, width, checked):
    x = np.arange(harness.lanes(width))
    np.testing.assert_array_equal(run(harness, "once", x, x.size, width, checked), x + 1)


def test_some_lanes_are_stored(harness, width, checked):
    lanes = harness.lanes(width)
    found = run(harness, "some_lanes", np.arange(lanes) + 1, 2 * lanes, width, checked)
    np.testing.assert_array_equal(found[:lanes], [1, 2, 3] + [0] * (lanes - 3))
    np.testing.assert_array_equal(found[lanes:], np.arange(lanes) + 1)


def test_lanes_are_parted(harness, width):
    lanes = harness.lanes(width)
    found = run(harness, "parted", np.arange(2 * lanes), 2 * lanes, width)
    np.testing.assert_array_equal(found, [*range(0, 2 * lanes, 2), *range(1, 2 * lanes, 2)])


def test_nan_wins_on_either_side(harness, width):
    lanes = harness.lanes(width)
    a, b = np.arange(lanes, dtype=np.float32), np.full(lanes, 1.5, np.float32)
    a[0], b[1] = np.nan, np.nan
    found = run(harness, "extremes", [*a, *b], 2 * lanes, width)
    want = np.maximum(a, b), np.minimum(a, b)
    for half, full in zip(np.split(found, 2), want, strict=True):
        np.testing.assert_array_equal(half, full)
        assert np.isnan(half[:2]).all()


@pytest.mark.parametrize(("n", "m"), [(2, 5), (5, 2), (-1, 3)])
def test_the_smaller_integer(harness, n, m):
    if min(n, m) < 0:
        held = {"x": np.zeros(8, np.float32), "out": np.zeros(8, np.float32)}
        access, at = harness.call(Body("least_of_integers"), held, {"n": n, "m": m})
        assert (access, at) == (Access(0, 4, store=False), -4)
        return
    found = run(harness, "least_of_integers", np.arange(8) + 1, 8, None, n=n, m=m)
    assert list(np.flatnonzero(found)) == [2]


def test_integers_that_are_known_are_computed_at_once():
    e = Emitter(ir.Module(), "f", NEON)
    assert (e.add(2, 3), e.mul(2, 3), e.mul(0, e.integer(0)), e.mul(e.integer(0), 0)) == (
        5,
        6,
        0,
        0,
    )
    given = e.integer(0)
    assert e.add(given, 0) is given
    assert e.add(0, given) is given
    moved = e.at(e.pointer(1), 8, 4)
    assert (moved.pointer, moved.offset) == (1, 12)
    assert e.at(moved, given).value is not moved.value


def test_the_table_of_arguments():
    assert LIMITS == POINTERS + INTEGERS
    assert REPORT == LIMITS + 2 * POINTERS
    assert CHECKED_WORDS * 8 >= SPARE * 8 + 64  # spare memory for the widest vector


@pytest.mark.parametrize("pointer", range(POINTERS))
@pytest.mark.parametrize("store", [False, True])
def test_an_access_is_told_from_its_number(pointer, store):
    access = Access(pointer, 64, store=store)
    assert access.code
    assert Access.decode(access.code) == access


@pytest.mark.parametrize("n", [1, 4])
def test_a_place_is_read_again_after_a_store(harness, width, checked, n):
    lanes = harness.lanes(width)
    x = np.arange(lanes) + 1.0
    found = run(harness, "read_again", x, lanes, width, checked, n=n)
    want = (4 + n) * x
    want[0] = 7
    np.testing.assert_array_equal(found, want + 7)


def test_a_place_is_read_once_between_stores(harness, width):
    from zqcnn_xp_llvm.code import source
    from zqcnn_xp_llvm.target import host_target

    lanes = harness.lanes(width)
    x = np.arange(lanes) + 1.0
    np.testing.assert_array_equal(run(harness, "read_twice", x, lanes, width, False), 3 * (x + 2))
    text = source(host_target(width), Body("read_twice"))
    assert text.count("load <") == 1
    assert text.count("load float") == 1
    # A checked kernel compares every access.
    text = source(host_target(width), Body("read_twice"), checked=True)
    assert text.count("load <") == 3
