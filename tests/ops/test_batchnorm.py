"""Batch normalisation against its textbook formula and ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import BatchNorm
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

OPS = st.builds(BatchNorm, st.sampled_from([0.0, 1e-5, 0.1]), st.booleans(), st.booleans())


def plain(op: BatchNorm, w: dict, x: np.ndarray) -> np.ndarray:
    """(x - mean) / sqrt(variance + eps) * scale + bias, in float64."""
    y = np.moveaxis(x.astype(np.float64), 1, -1)
    y = (y - w["mean"]) / np.sqrt(w["variance"].astype(np.float64) + op.eps)
    y = y * w.get("scale", 1.0) + w.get("bias", 0.0)
    return np.moveaxis(y, -1, 1)


@given(OPS, array_shapes(min_dims=2, max_dims=5, max_side=5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_matches_the_formula_and_onnx_runtime(run_onnx, op: BatchNorm, shape, seed) -> None:
    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        ones = np.ones(x.shape[1], np.float32)
        scale, bias = w.get("scale", ones), w.get("bias", ones * 0)
        y = plain(op, w, x)
        statistics = w["mean"], w["variance"]
        theirs = run_onnx("BatchNormalization", x, scale, bias, *statistics, epsilon=op.eps)
        np.testing.assert_allclose(theirs[0], y, atol=1e-4)
        return y

    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=expect, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3), (2, 3, 4)])
def test_every_library(namespace: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    op = BatchNorm(1e-3)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=(namespace,))


def test_a_variance_of_zero_without_eps_stays_finite() -> None:
    one = np.ones(1, np.float32)
    w = {"mean": 0 * one, "variance": 0 * one, "scale": one * 1e-16, "bias": one}
    check_op(
        BatchNorm(),
        np.full((1, 1, 1, 1), 2, np.float32),
        weights=w,
        expect=[np.full((1, 1, 1, 1), 3)],
    )


def test_weights_and_multiply_adds() -> None:
    assert BatchNorm(scale=False, bias=False).weights((1, 8, 5, 5)) == {
        "mean": (8,),
        "variance": (8,),
    }
    assert set(BatchNorm().weights((1, 8, 5, 5))) == {"mean", "variance", "scale", "bias"}
    assert BatchNorm().muladds((1, 8, 5, 5)) == 200


def test_an_input_without_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match="BatchNorm: found an input of shape"):
        BatchNorm().infer((5,))
