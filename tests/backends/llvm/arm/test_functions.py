"""Functions of single elements as AArch64 code: accuracy, NaN, infinities, denormals, borders."""

from __future__ import annotations

import platform
from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.ops import Activation, BatchNorm, Pool2D, Scalar, Softmax, Unary
from zqcnn_xp_llvm import LlvmBackend

# Units in the last place of float32.
ULP = 2.0**-23


def points():
    """Numbers of all sizes, both signs, and what is none."""
    rng = np.random.default_rng(0)
    wide = rng.uniform(-100, 100, 20_000)
    near = rng.uniform(-1, 1, 20_000)
    small = np.ldexp(rng.uniform(1, 2, 2_000), rng.integers(-120, 0, 2_000))
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 87.3, -87.3, 88.7, -88.7, 3e38, -3e38]
    found = np.concatenate([wide, near, small, -small, special]).astype(np.float32)
    return np.resize(found, (1, 8, 60, 100))


# Bound of the relative error, in such units.
KINDS = {
    "sigmoid": 2,
    "tanh": 2,
    "elu": 3,
    "softplus": 3,
    "mish": 4,
    "swish": 3,
    "hard_swish": 2,
    "hard_sigmoid": 2,
    "relu": 0,
    "clip": 0,
}


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy(arm, harness, kind):
    alpha = {"elu": 1.5, "hard_sigmoid": 0.2, "hard_swish": 1 / 6}.get(kind, 0.0)
    x = points()
    graph = harness.single(Activation(kind, alpha=alpha, low=-1.0), x.shape)
    found = arm.run(graph, {"x0": x})["y"]
    with np.errstate(all="ignore"):
        wanted = harness.expected(graph, {"x0": x})["y"]
    regular = np.isfinite(wanted)
    np.testing.assert_array_equal(found[~regular], wanted[~regular].astype(np.float32))
    # Below the smallest normal number zero is as good, times x where x is a factor.
    tiny = np.finfo(np.float32).tiny * (100 if kind in ("mish", "swish") else 1)
    scale = np.maximum(np.abs(wanted), tiny / ULP)
    if kind.startswith("hard"):
        scale = np.maximum(scale, np.abs(x) * 0.5)  # a sum of terms that cancel
    error = np.abs(found[regular] - wanted[regular]) / scale[regular]
    assert error.max() <= KINDS[kind] * ULP


@pytest.mark.parametrize("op", [Unary("exp"), Unary("sqrt"), Unary("abs"), Scalar("power", 2.0)])
def test_unary(arm, harness, op):
    x = np.clip(points(), -80, 80) if op == Unary("exp") else np.abs(points())
    graph = harness.single(op, x.shape)
    found = arm.run(graph, {"x0": x})["y"]
    with np.errstate(all="ignore"):
        wanted = harness.expected(graph, {"x0": x})["y"]
        rounded = wanted.astype(np.float32)
    normal = np.abs(rounded) >= np.finfo(np.float32).tiny
    np.testing.assert_allclose(found[normal], rounded[normal], rtol=2 * ULP, atol=0)


@pytest.mark.parametrize("axis", [1, 3])
def test_softmax(arm, harness, axis):
    x = np.random.default_rng(1).uniform(-60, 60, (2, 5, 6, 11)).astype(np.float32)
    graph = harness.single(Softmax(axis), x.shape)
    found = arm.run(graph, {"x0": x})["y"]
    wanted = harness.expected(graph, {"x0": x})["y"]
    # The distance to the largest, up to 120, is rounded to half of its last place, 2 ** -18.
    np.testing.assert_allclose(found, wanted, rtol=40 * ULP, atol=np.finfo(np.float32).tiny)
    np.testing.assert_allclose(found.sum(axis), 1.0, rtol=4 * ULP)


def test_denormals_are_flushed(arm, harness):
    """Both as operands and as results; the runner sees to it that the mode is set back."""
    x = np.full((1, 4, 8, 8), 1e-30, np.float32)
    x[:, :, 4:] = 1e-40
    factor, found = {}, {}
    for value in (1e-9, 1e10):
        graph = harness.single(Scalar("multiply", value), x.shape)
        found[value] = arm.run(graph, {"x0": x})["y"]
        factor[value] = x * np.float32(value)
    assert (factor[1e-9][:, :, :4] > 0).all()
    assert (found[1e-9] == 0).all()
    np.testing.assert_allclose(found[1e10][:, :, :4], 1e-20, rtol=1e-6)
    assert (factor[1e10][:, :, 4:] > 0).all()
    assert (found[1e10][:, :, 4:] == 0).all()


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("value", ["zero", "ignore"])
def test_borders_of_maximum_pooling(arm, harness, channels, value):
    """All below zero: a border of the wrong value would win."""
    op = Pool2D("max", (3, 3), (2, 2), pads=(1, 1, 1, 1), pad_value=value)
    x = -1 - np.random.default_rng(2).random((2, channels, 13, 18), np.float32)
    x[0, 0, 5, 5] = np.nan
    graph = harness.single(op, x.shape)
    found, wanted = arm.run(graph, {"x0": x})["y"], harness.expected(graph, {"x0": x})["y"]
    np.testing.assert_array_equal(found, wanted.astype(np.float32))
    assert np.isnan(found).any()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="an x86-64 processor runs it")
def test_functions_without_an_instruction_that_rounds(harness):
    """The oldest x86-64 processors have none; theirs is the only other way."""
    made = LlvmBackend(width=128)
    made.target = replace(made.target, cpu="x86-64", features="+sse,+sse2")
    x = points()
    for kind in ("sigmoid", "tanh", "elu"):
        graph = harness.single(Activation(kind, alpha=1.5), x.shape)
        found = harness.run(made, graph, {"x0": x})["y"]
        with np.errstate(all="ignore"):
            wanted = harness.expected(graph, {"x0": x})["y"]
        np.testing.assert_allclose(found, wanted, rtol=KINDS[kind] * ULP, atol=1e-37)


def test_normalisation(arm, harness):
    shape = (2, 11, 9, 14)
    graph = harness.single(BatchNorm(), shape)
    xs = harness.draw({"x0": shape})
    harness.compare(arm.run(graph, xs), harness.expected(graph, xs))
