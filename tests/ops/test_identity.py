"""The input itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.ops import Identity
from zqcnn_xp.testing.check_op import check_op


@given(array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
@settings(deadline=None, max_examples=20)
def test_returns_its_input(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(Identity(), x, expect=[x])


def test_does_not_copy() -> None:
    x = np.ones((1, 2, 3, 4), np.float32)
    assert Identity().forward(np, {}, x)[0] is x
    assert Identity().muladds(x.shape) == 0
