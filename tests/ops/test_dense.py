"""Fully connected layers against a contraction in NCHW order and ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import Activation, Dense, PReLU
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def plain(op: Dense, w: dict, x: np.ndarray) -> np.ndarray:
    """Contract in float64; a map through its flat C, H, W order, as model files store it."""
    weight, x = w["weight"].astype(np.float64), x.astype(np.float64)
    bias = w.get("bias", np.zeros(op.out_features))
    if x.ndim == 4:
        flat = weight.transpose(3, 2, 0, 1).reshape(op.out_features, -1)
        y = np.einsum("nf,of->no", x.reshape(x.shape[0], flat.shape[1]), flat) + bias
        return y[:, :, None, None]
    return np.einsum("...f,fo->...o", x, weight) + bias


@given(
    st.integers(1, 4),
    st.booleans(),
    array_shapes(min_dims=2, max_dims=4, max_side=5),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=50)
def test_matches_a_contraction(out: int, bias: bool, shape, seed: int) -> None:
    op = Dense(out, bias)
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=("numpy", "array_api_strict"))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_matches_onnx_gemm(run_onnx, out: int, batch: int, features: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((batch, features)).astype(np.float32)
    check_op(
        Dense(out),
        x,
        expect=lambda w, x: run_onnx("Gemm", x, w["weight"], w["bias"]),
        namespaces=("numpy",),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3), (0, 3), (2, 3, 4)])
@pytest.mark.parametrize("bias", [False, True])
def test_every_library(namespace: str, shape: tuple[int, ...], bias: bool) -> None:
    op = Dense(6, bias)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=(namespace,))


@pytest.mark.parametrize("activation", [Activation("relu"), PReLU()])
@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (2, 12)])
def test_fused_activation_is_the_activation_of_the_result(activation, shape) -> None:
    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        y = plain(Dense(4), w, x)
        slope = w.get("slope", np.zeros(4)).reshape(1, 4, *[1] * (y.ndim - 2))
        return np.where(y > 0, y, slope * y)

    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    check_op(Dense(4, activation=activation), x, expect=expect)


def test_multiply_adds_leave_the_bias_out() -> None:
    assert Dense(10).muladds((1, 8, 3, 3)) == 720
    assert Dense(10, activation=PReLU()).muladds((1, 8, 3, 3)) == 720 + 30


def test_a_vector_is_refused() -> None:
    with pytest.raises(ShapeError, match="Dense: found an input of shape"):
        Dense(10).infer((5,))
