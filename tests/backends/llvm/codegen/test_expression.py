"""Formulas: their leaves, substitution, and every function against NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.codegen.expression import (
    ACC,
    FUNCTIONS,
    const,
    emit,
    inputs_of,
    params_of,
    substitute,
)
from zqcnn_xp_llvm.kernels.base import Kernel

A, B, C = (("in", k) for k in range(3))


@dataclass(frozen=True)
class Formula(Kernel):
    """Apply a formula of three arrays to vectors; parameter 0 is the first float of ``p``."""

    pointers: ClassVar[tuple[str, ...]] = ("a", "b", "c", "p", "out")
    integers: ClassVar[tuple[str, ...]] = ("count",)

    formula: tuple

    def emit(self, e):
        with e.loop(self.integer(e, "count")) as turn:
            at = e.mul(turn.index, e.target.vector_bytes)
            value = emit(
                e,
                self.formula,
                lambda k: e.load(e.at(e.pointer(k), at)),
                lambda j: e.broadcast(e.at(e.pointer(3), 4 * j)),
            )
            e.store(value, e.at(e.pointer(4), at))
        e.finish()


def values(count=256):
    rng = np.random.default_rng(3)
    x = (rng.standard_normal((3, count)) * 4).astype(np.float32)
    x[:, :7] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, 1e-30]
    x[1] = np.roll(x[1], 1)
    return x


def apply(harness, formula, width, x=None):
    x = values() if x is None else x
    a, b, c = x
    held = {"a": a, "b": b, "c": c, "p": np.float32([0.25, -2.0]), "out": np.zeros_like(a)}
    count = a.size // harness.lanes(width)
    assert harness.call(Formula(formula), held, {"count": count}, width=width) is None
    return held["out"]


WANTED = {
    "add": lambda a, b, c: a + b,
    "sub": lambda a, b, c: a - b,
    "mul": lambda a, b, c: a * b,
    "div": lambda a, b, c: a / b,
    "fma": lambda a, b, c: a.astype(np.float64) * b + c,
    "max": lambda a, b, c: np.maximum(a, b),
    "min": lambda a, b, c: np.minimum(a, b),
    "relu": lambda a, b, c: np.maximum(a, 0),
    "prelu": lambda a, b, c: np.where(a > 0, a, a * b),
    "abs": lambda a, b, c: np.abs(a),
    "sqrt": lambda a, b, c: np.sqrt(a),
    "exp": lambda a, b, c: np.exp(a.astype(np.float64)),
    "sigmoid": lambda a, b, c: 1 / (1 + np.exp(-a.astype(np.float64))),
    "tanh": lambda a, b, c: np.tanh(a.astype(np.float64)),
    "softplus": lambda a, b, c: np.logaddexp(0, a.astype(np.float64)),
}
ARITY = {"fma": 3} | dict.fromkeys(("add", "sub", "mul", "div", "max", "min", "prelu"), 2)


@pytest.mark.parametrize("name", sorted(WANTED))
@np.errstate(all="ignore")
def test_functions_are_those_of_numpy(harness, width, name):
    """NaN, infinities and zeros too: what an op's reference gives there, the formula gives."""
    x = values()
    found = apply(harness, (name, A, B, C)[: 1 + ARITY.get(name, 1)], width, x)
    want = WANTED[name](*x)
    want = np.where(np.abs(want) > 3.4028235e38, np.copysign(np.inf, want), want)
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-30)


@np.errstate(all="ignore")
def test_functions_with_constants(harness, width):
    x = values()
    a = x[0]
    found = apply(harness, ("clip", A, const(-1.0), const(2.5)), width, x)
    np.testing.assert_array_equal(found, np.clip(a, -1.0, 2.5))
    found = apply(harness, ("elu", A, const(0.7)), width, x)
    want = np.where(a > 0, a, 0.7 * np.expm1(np.minimum(a, 0).astype(np.float64)))
    np.testing.assert_allclose(found, want, rtol=1e-6)


def test_every_function_is_tested():
    assert set(FUNCTIONS) == {*WANTED, "clip", "elu"}


def test_parts_that_are_equal_are_written_once(harness, width):
    twice = ("mul", ("tanh", A), ("tanh", A))
    x = np.clip(values(), -4, 4)
    x[~np.isfinite(x)] = 1
    np.testing.assert_allclose(
        apply(harness, twice, width, x), np.tanh(x[0].astype(np.float64)) ** 2, rtol=1e-5, atol=1e-9
    )
    from zqcnn_xp_llvm.code import source
    from zqcnn_xp_llvm.target import host_target

    text = source(host_target(width), Formula(twice))
    assert text.count("call <") == source(host_target(width), Formula(("tanh", A))).count("call <")


def test_leaves_and_substitution():
    formula = ("add", ("mul", A, ("param", 1)), ("relu", ("sub", B, const(2.0))))
    assert inputs_of(formula) == {0, 1}
    assert params_of(formula) == {1}
    moved = substitute(formula, lambda k: ("in", k + 1), lambda j: ("param", j + 3))
    assert inputs_of(moved) == {1, 2}
    assert params_of(moved) == {4}
    assert substitute(formula, lambda k: ("in", k)) == formula
    assert substitute(ACC, lambda k: formula) == formula


def test_parameters_are_read(harness, width):
    x = np.nan_to_num(values(), posinf=1, neginf=-1)
    found = apply(harness, ("fma", A, ("param", 0), ("param", 1)), width, x)
    np.testing.assert_allclose(found, x[0].astype(np.float64) * 0.25 - 2.0, rtol=1e-6, atol=1e-6)
