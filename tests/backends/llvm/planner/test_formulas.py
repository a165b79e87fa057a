"""Ops as formulas: evaluated in NumPy they are the op, and what is said of them holds."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.graph import Node
from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Elementwise,
    PReLU,
    Scalar,
    Scale,
    Softmax,
    Unary,
)
from zqcnn_xp.testing.check_op import random_weights
from zqcnn_xp_llvm.codegen.expression import ACC, const
from zqcnn_xp_llvm.planner.formulas import (
    formula_of,
    never_negative,
)

SHAPE = (2, 5, 3, 4)
UNARY = {
    "relu": lambda x: np.maximum(x, 0),
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
}
OTHERS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "fma": lambda a, b, c: a * b + c,
    "prelu": lambda x, s: np.where(x > 0, x, x * s),
    "clip": np.clip,
    "elu": lambda x, a: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
}


def value(formula, xs, params):
    """A formula in NumPy, float64."""
    name, *rest = formula
    if name == "in":
        return xs[rest[0]]
    if name == "param":
        return np.asarray(params[rest[0]], np.float64)
    if name == "const":
        return np.float64(rest[0])
    return (UNARY | OTHERS)[name](*(value(part, xs, params) for part in rest))


@pytest.mark.parametrize(
    ("op", "count"),
    [
        *((Activation(k, alpha=0.3, low=-0.5, high=1.5), 1) for k in (
            "relu", "leaky_relu", "clip", "sigmoid", "tanh", "elu", "hard_sigmoid", "hard_swish",
            "softplus", "mish", "swish",
        )),
        (PReLU(), 1),
        (PReLU(shared=True), 1),
        (BatchNorm(), 1),
        (BatchNorm(scale=False, bias=False), 1),
        (Scale(), 1),
        (Scale(scale=False), 1),
        (Scale(bias=False), 1),
        *((Scalar(k, 0.7), 1) for k in (
            "multiply", "divide", "add", "subtract", "max", "min", "reverse_subtract",
        )),
        (Scalar("power", 2.0), 1),
        (Unary("abs"), 1),
        (Unary("exp"), 1),
        (Unary("reciprocal"), 1),
        (Elementwise("sum", (1.0, -2.0, 0.5)), 3),
        (Elementwise("product"), 2),
        (Elementwise("max"), 3),
    ],
)  # fmt: skip
def test_a_formula_is_its_op(op, count):
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal(SHAPE) for _ in range(count)]
    weights = random_weights(op, *[SHAPE] * count)
    node = Node("n", op, ("a", "b", "c")[:count], ("y",), weights)
    applied = formula_of(node, [SHAPE] * count)
    stored = [np.moveaxis(x, 1, -1) for x in xs]
    (want,) = op.forward(np, {k: w.astype(np.float64) for k, w in weights.items()}, *stored)
    found = value(applied.formula, stored, applied.params)
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("op", [Softmax(1), Unary("log"), Scalar("power", 0.5)])
def test_what_has_no_formula(op):
    assert formula_of(Node("n", op, ("x",), ("y",)), [SHAPE]) is None


def test_a_factor_beyond_float32_is_left_to_the_reference():
    weights = {k: np.zeros(5, np.float32) for k in ("mean", "variance", "scale", "bias")}
    weights["scale"] += np.float32(3e38)
    node = Node("n", BatchNorm(eps=0.0), ("x",), ("y",), weights)
    assert formula_of(node, [SHAPE]) is None


@pytest.mark.parametrize(
    ("formula", "want"),
    [
        (("relu", ("in", 1)), True),
        (("abs", ACC), True),
        (("exp", ACC), True),
        (("clip", ACC, const(0.0), const(6.0)), True),
        (("clip", ACC, const(-1.0), const(6.0)), False),
        (("tanh", ACC), False),
        (ACC, False),
    ],
)
def test_results_that_are_never_negative(formula, want):
    assert never_negative(formula) is want
    x = np.linspace(-6, 6, 101)
    with np.errstate(invalid="ignore"):
        assert bool((value(formula, [x, x], ()) >= 0).all()) is want
