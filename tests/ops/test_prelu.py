"""PReLU against ONNX Runtime and a plain formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.ops import PReLU
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def plain(w: dict, x: np.ndarray) -> np.ndarray:
    slope = w["slope"].reshape(-1, *[1] * (x.ndim - 2))
    y = x.copy()
    y[x < 0] = np.broadcast_to(slope, x.shape)[x < 0] * x[x < 0]
    return y


@given(
    array_shapes(min_dims=2, max_dims=5, min_side=1, max_side=5),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=40)
def test_matches_onnx_runtime(run_onnx, shape, shared: bool, seed: int) -> None:
    def expect(w: dict, x: np.ndarray) -> list[np.ndarray]:
        theirs = run_onnx("PRelu", x, w["slope"].reshape(-1, *[1] * (x.ndim - 2)))[0]
        np.testing.assert_array_equal(theirs, plain(w, x))
        return [theirs]

    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(PReLU(shared), x, expect=expect, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("shared", [False, True])
def test_every_library(namespace: str, shape: tuple[int, ...], shared: bool) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(PReLU(shared), x, expect=plain, namespaces=(namespace,))


def test_slopes_above_one_and_below_zero_hold() -> None:
    x = np.float32([[-1, -1, -1], [2, 2, 2]])
    w = {"slope": np.float32([29, -3, 0])}
    check_op(PReLU(), x, weights=w, expect=[np.float32([[-29, 3, 0], [2, 2, 2]])])


def test_three_multiply_adds_for_each_element() -> None:
    assert PReLU().muladds((2, 8, 5, 6)) == 2 * 8 * 5 * 6 * 3
