"""Unit length over channels or over whole maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import L2Normalize
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

OPS = st.builds(L2Normalize, st.booleans(), st.sampled_from([1e-10, 1e-3, 1.0]), st.booleans())


def plain(op: L2Normalize, w: dict, x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    axes = tuple(range(1, x.ndim)) if op.across_spatial else 1
    length = np.sqrt((x**2).sum(axis=axes, keepdims=True) + op.eps)
    return x / length * w["scale"].reshape(1, -1, *[1] * (x.ndim - 2))


@given(OPS, array_shapes(min_dims=2, max_dims=5, max_side=5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_matches_the_formula(op: L2Normalize, shape, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=("numpy", "array_api_strict"))


@given(array_shapes(min_dims=2, max_dims=5, max_side=5))
@settings(deadline=None, max_examples=20)
def test_matches_onnx_lp_normalization(run_onnx, shape) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(
        L2Normalize(shared=True),
        x,
        weights={"scale": np.ones(1, np.float32)},
        expect=run_onnx("LpNormalization", x, axis=1, p=2),
        namespaces=("numpy",),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("across", [False, True])
def test_every_library(namespace: str, shape: tuple[int, ...], across: bool) -> None:
    op = L2Normalize(across)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=(namespace,))


def test_zeros_stay_zeros() -> None:
    x = np.zeros((1, 3, 2, 2), np.float32)
    check_op(L2Normalize(), x, expect=[x])


def test_weights_and_refusals() -> None:
    assert L2Normalize().weights((1, 8, 5, 5)) == {"scale": (8,)}
    assert L2Normalize(shared=True).weights((1, 8, 5, 5)) == {"scale": (1,)}
    with pytest.raises(ShapeError, match="L2Normalize"):
        L2Normalize().infer((5,))
