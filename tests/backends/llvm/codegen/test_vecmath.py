"""Elementary functions of vectors against float64, over all of float32, in units in the last place.

The bounds are those that the module's documentation states, at places where float64 and float32
can be compared: results below the smallest normal number count as 0 on either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.codegen import vecmath
from zqcnn_xp_llvm.kernels.base import Kernel

TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Apply(Kernel):
    """Apply one function to vectors."""

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = ("count",)

    function: str

    def emit(self, e):
        with e.loop(self.integer(e, "count")) as turn:
            at = e.mul(turn.index, e.target.vector_bytes)
            value = e.load(e.at(e.pointer(0), at))
            e.store(getattr(vecmath, self.function)(e, value), e.at(e.pointer(1), at))
        e.finish()


def apply(harness, name, x, width):
    x = np.asarray(x, np.float32)
    padded = np.zeros(-(-x.size // 16) * 16, np.float32)
    padded[: x.size] = x
    held = {"x": padded, "out": np.zeros_like(padded)}
    count = padded.size // harness.lanes(width)
    assert harness.call(Apply(name), held, {"count": count}, width=width, checked=False) is None
    return held["out"][: x.size]


def points(low, high, count=60_000):
    """Bit patterns evenly over all float32 between two numbers of one sign, ends included."""
    a, b = sorted(int(np.float32(v).view(np.int32)) for v in (low, high))
    return np.linspace(a, b, count).astype(np.int32).view(np.float32)


def everywhere(low=-np.inf, high=np.inf):
    """Numbers of all magnitudes and both signs within bounds, dense where functions bend."""
    parts = [points(1e-45, 3.4e38), -points(1e-45, 3.4e38), np.linspace(-100, 100, 40_001)]
    x = np.concatenate([*parts, [0.0, -0.0]]).astype(np.float32)
    return x[(x >= low) & (x <= high)]


def ulps(found, want):
    """Distance in units in the last place of float32 at the wanted value."""
    with np.errstate(over="ignore"):
        near = np.abs(want).astype(np.float32)
    unit = np.spacing(np.maximum(near, TINY)).astype(np.float64)
    unit = np.where(np.isfinite(unit), unit, np.inf)
    off = np.abs(found.astype(np.float64) - want)
    off = np.where((np.abs(want) < TINY) & (np.abs(found) <= TINY), 0.0, off)
    same = np.isinf(found) & (np.abs(want) > 3.4e38) & (np.sign(found) == np.sign(want))
    return np.where(same, 0.0, off / unit)


@np.errstate(over="ignore", under="ignore")
def truth(name, x):
    x = x.astype(np.float64)
    return {
        "exp": lambda: np.exp(x),
        "expm1": lambda: np.expm1(x),
        "log1p": lambda: np.log1p(x),
        "sigmoid": lambda: np.where(x < 0, np.exp(-np.logaddexp(0, -x)), 1 / (1 + np.exp(-x))),
        "softplus": lambda: np.logaddexp(0, x),
        "tanh": lambda: np.tanh(x),
    }[name]()


@pytest.mark.parametrize(
    ("name", "low", "high", "bound"),
    [
        ("exp", -87.33, 88.72, 2.0),
        ("expm1", -np.inf, 0.0, 4.0),
        ("log1p", 0.0, 1.0, 4.0),
        ("sigmoid", -87.0, np.inf, 4.0),
        ("softplus", -87.0, np.inf, 4.0),
        ("tanh", -np.inf, np.inf, 4.0),
    ],
)
def test_errors_stay_within_the_bounds(harness, width, name, low, high, bound):
    x = everywhere(low, high)
    found = apply(harness, name, x, width)
    error = ulps(found, truth(name, x))
    worst = int(np.argmax(error))
    assert error[worst] <= bound, (x[worst], found[worst], truth(name, x[worst : worst + 1]))


@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus", "tanh", "expm1"])
def test_far_out_functions_end_as_they_should(harness, width, name):
    """Below where exp is normal: nothing but the limit, to within the smallest normal number."""
    x = np.float32([-3.4e38, -1000, -104, -88, -87.4, 87.4, 88.8, 104, 1000, 3.4e38])
    if name == "expm1":
        x = x[:5]
    found, want = apply(harness, name, x, width), truth(name, x)
    want = np.where(np.abs(want) > 3.4028235e38, np.copysign(np.inf, want), want)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(found[~finite], want[~finite])
    np.testing.assert_allclose(found[finite], want[finite], rtol=3e-7, atol=2e-38)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("exp", [0.0, np.inf, np.nan]),
        ("sigmoid", [0.0, 1.0, np.nan]),
        ("softplus", [0.0, np.inf, np.nan]),
        ("tanh", [-1.0, 1.0, np.nan]),
    ],
)
def test_infinities_and_nan(harness, width, name, want):
    x = np.float32([-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(apply(harness, name, x, width), np.float32(want))


def test_expm1_at_its_ends(harness, width):
    found = apply(harness, "expm1", [-np.inf, -0.0, 0.0, np.nan], width)
    np.testing.assert_array_equal(found, np.float32([-1.0, 0.0, 0.0, np.nan]))


def test_odd_functions_keep_signs_of_zero(harness, width):
    found = apply(harness, "tanh", [-0.0, 0.0], width)
    np.testing.assert_array_equal(np.signbit(found), [True, False])


@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus", "tanh"])
def test_functions_never_fall(harness, width, name):
    """Within the error of a unit: neighbours may change places, no more."""
    x = np.linspace(-20, 20, 200_000, dtype=np.float32)
    y = apply(harness, name, x, width).astype(np.float64)
    assert (np.diff(y) >= -4 * np.spacing(np.abs(y[1:]).astype(np.float32))).all()


def test_results_stay_in_range(harness, width):
    x = everywhere()
    assert (np.abs(apply(harness, "tanh", x, width)) <= 1).all()
    y = apply(harness, "sigmoid", x, width)
    assert ((y >= 0) & (y <= 1)).all()
