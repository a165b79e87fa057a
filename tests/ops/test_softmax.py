"""Softmax along any axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import Softmax
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def plain(axis: int, x: np.ndarray) -> np.ndarray:
    e = np.exp(x.astype(np.float64))
    return e / e.sum(axis=axis, keepdims=True)


@given(st.data(), array_shapes(min_dims=1, max_dims=5, max_side=5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_matches_the_formula_and_onnx_runtime(run_onnx, data, shape, seed: int) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))

    def expect(_: dict, x: np.ndarray) -> np.ndarray:
        theirs = run_onnx("Softmax", x, axis=axis)[0]
        np.testing.assert_allclose(theirs, plain(axis, x), atol=1e-6)
        return theirs

    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 5
    check_op(Softmax(axis), x, expect=expect, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 0, 4, 5)])
@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_every_library(namespace: str, shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(Softmax(axis), x, expect=[plain(axis, x)], namespaces=(namespace,))


def test_large_inputs_neither_overflow_nor_warn() -> None:
    x = np.float32([[1e30, 1e30, -1e30], [3e4, 0, 0]])
    check_op(Softmax(), x, expect=[np.float32([[0.5, 0.5, 0], [1, 0, 0]])])


def test_only_the_first_axis_mixes_samples() -> None:
    assert Softmax(axis=0).mixes_batch
    assert not Softmax(axis=1).mixes_batch


@pytest.mark.parametrize("axis", [-3, 2])
def test_an_axis_that_is_none_is_refused(axis: int) -> None:
    with pytest.raises(ShapeError, match=f"Softmax: found axis {axis}"):
        Softmax(axis).infer((2, 3))
