"""Factor and offset per channel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Scale
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def plain(w: dict, x: np.ndarray) -> np.ndarray:
    y = x.astype(np.float64)
    for c in range(x.shape[1]):
        y[:, c] = y[:, c] * w.get("scale", np.ones(c + 1))[c] + w.get("bias", np.zeros(c + 1))[c]
    return y


@given(
    st.sampled_from([Scale(), Scale(bias=False), Scale(scale=False)]),
    array_shapes(min_dims=2, max_dims=5, max_side=5),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=40)
def test_matches_a_loop_over_channels(op: Scale, shape, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=plain, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("op", [Scale(), Scale(bias=False), Scale(scale=False)])
def test_every_library(namespace: str, shape: tuple[int, ...], op: Scale) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=plain, namespaces=(namespace,))


def test_weights_and_multiply_adds() -> None:
    assert Scale(bias=False).weights((1, 8, 5, 5)) == {"scale": (8,)}
    assert Scale(scale=False).weights((1, 8)) == {"bias": (8,)}
    assert Scale().muladds((1, 8, 5, 5)) == 200


def test_neither_and_no_channels_are_refused() -> None:
    with pytest.raises(InputError, match="neither scale nor bias"):
        Scale(scale=False, bias=False)
    with pytest.raises(ShapeError, match="Scale"):
        Scale().infer((5,))
