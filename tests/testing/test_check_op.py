"""The check of an op finds each fault it is there to find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import Activation, BatchNorm, Op, Scale
from zqcnn_xp.testing.check_op import CheckError, check_op, random_weights

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)


@dataclass(frozen=True)
class Same(Op):
    """A right op; the faulty ones below change one thing each."""

    def infer(self, *shapes: Any) -> Any:
        return shapes

    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        return (xs[0] + 0.0,)


@dataclass(frozen=True)
class Float64(Same):
    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        return (xp.astype(xs[0], xp.float64),)


@dataclass(frozen=True)
class WrongShape(Same):
    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        return (xp.permute_dims(xs[0], (0, 2, 1, 3)),)


@dataclass(frozen=True)
class Writes(Same):
    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        xs[0][0, 0, 0, 0] = 7.0
        return (xs[0] + 0.0,)


@dataclass(frozen=True)
class NumpyOnly(Same):
    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        return (np.maximum(xs[0], np.float32(0)),)


@dataclass(frozen=True)
class LooksAtValues(Same):
    def forward(self, xp: Any, w: Any, *xs: Any) -> Any:
        return (xs[0] + 0.0 if xs[0][0, 0, 0, 0] < 5 else xs[0] - 1.0,)


@dataclass(frozen=True)
class Unhashable(Same):
    sizes: list[int] = field(default_factory=list)


def test_a_right_op_passes_everywhere() -> None:
    (y,) = check_op(Same(), X, expect=[X])
    np.testing.assert_array_equal(y, X)


@pytest.mark.parametrize(
    ("op", "match"),
    [
        (Float64(), "dtype float64 on numpy"),
        (WrongShape(), "shape"),
        (Writes(), "changed input"),
    ],
)
def test_faults_are_named(op: Op, match: str) -> None:
    with pytest.raises(CheckError, match=match):
        check_op(op, X, namespaces=("numpy",))


def test_faults_that_a_library_itself_refuses() -> None:
    with pytest.raises(ValueError, match="read-only"):
        check_op(Writes(), X, namespaces=("read-only",))
    with pytest.raises(CheckError, match=r"an output of type ndarray"):
        check_op(NumpyOnly(), X, namespaces=("array_api_strict",))
    with pytest.raises(Exception, match=r"[Tt]racer|[Bb]ool"):
        check_op(LooksAtValues(), X, namespaces=("jax",))
    with pytest.raises(TypeError, match="unhashable"):
        check_op(Unhashable(), X, namespaces=("numpy",))


def test_wrong_results_and_weights_are_found() -> None:
    with pytest.raises(CheckError, match=r"an error of 0\.1"):
        check_op(Same(), X, expect=[X + np.float32(0.1)], namespaces=("numpy",))
    with pytest.raises(CheckError, match="infinities or NaNs"):
        check_op(Same(), X, expect=[X * np.nan], namespaces=("numpy",))
    with pytest.raises(CheckError, match="weights"):
        check_op(Scale(), X, weights={"scale": np.ones(2, np.float32)})
    with pytest.raises(InputError, match="found namespace 'abacus'"):
        check_op(Activation("relu"), X, namespaces=("abacus",))


def test_random_weights_are_repeatable_and_variances_positive() -> None:
    first, second = (random_weights(BatchNorm(), (1, 64, 1, 1), seed=3) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["variance"].min() > 0
