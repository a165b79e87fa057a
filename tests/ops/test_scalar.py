"""Arithmetic with a constant, and with the first element of another value."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Scalar, ScalarOf
from zqcnn_xp.ops.scalar import ScalarKind
from zqcnn_xp.testing.check_op import check_op

FUNCTIONS = {
    "multiply": lambda x, s: x * s,
    "divide": lambda x, s: x / s,
    "add": lambda x, s: x + s,
    "subtract": lambda x, s: x - s,
    "max": np.maximum,
    "min": np.minimum,
    "power": lambda x, s: x**s,
    "reverse_divide": lambda x, s: s / x,
    "reverse_subtract": lambda x, s: s - x,
}
X = np.random.default_rng(0).uniform(0.5, 3, (2, 3, 4, 5)).astype(np.float32)


def test_the_table_is_complete() -> None:
    assert set(FUNCTIONS) == set(get_args(ScalarKind))


@pytest.mark.parametrize("kind", sorted(FUNCTIONS))
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (6, 20), (0, 3, 4, 5), (120,)])
def test_values(kind: str, shape: tuple[int, ...]) -> None:
    x = X.reshape(-1)[: int(np.prod(shape))].reshape(shape)
    function = FUNCTIONS[kind]
    check_op(Scalar(kind, 1.75), x, expect=lambda w, x: function(x, np.float32(1.75)))
    first = np.float32([[1.25, 9.0]])
    check_op(ScalarOf(kind), first, x, expect=lambda w, s, x: function(x, s[0, 0]))
    assert Scalar(kind, 1.75).muladds(shape) == x.size
    assert ScalarOf(kind).muladds((1, 2), shape) == x.size


@given(st.sampled_from(sorted(FUNCTIONS)), st.floats(-4, 4, width=32))
@settings(deadline=None, max_examples=40)
def test_signs_and_zero(kind: str, value: float) -> None:
    x = np.float32([[-2, -0.5, 0.5, 2]])
    if kind == "divide" and not value:
        with pytest.raises(InputError, match="not 0"):
            Scalar(kind, value)
        return
    with np.errstate(all="ignore"):
        want = FUNCTIONS[kind](x, np.float32(value))
        (found,) = Scalar(kind, value).forward(np, {}, x)
    np.testing.assert_allclose(found, want, rtol=1e-5)


def test_a_value_of_no_element_gives_nothing() -> None:
    empty = X[:0]
    check_op(ScalarOf("add"), empty[:, :1], empty)
    with pytest.raises(ShapeError, match="expected a first element"):
        ScalarOf("add").infer((0, 1), (2, 3))
    with pytest.raises(ShapeError, match="found 1 inputs"):
        ScalarOf("add").infer((2, 3))
    assert ScalarOf("add").mixes_batch
    assert not Scalar("add", 1.0).mixes_batch


def test_what_is_refused() -> None:
    for kind, value in (("modulo", 1.0), ("add", float("nan")), ("add", float("inf"))):
        with pytest.raises(InputError, match="Scalar: found"):
            Scalar(kind, value)
    with pytest.raises(InputError, match="ScalarOf: found kind 'modulo'"):
        ScalarOf("modulo")
