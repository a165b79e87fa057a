"""Winograd's convolution on JAX against float64, and refused on request."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from zqcnn_xp.ops import Activation, Conv2D, PReLU
from zqcnn_xp.testing import OpCase
from zqcnn_xp_jax import JaxBackend
from zqcnn_xp_jax.kernels import kernel_for
from zqcnn_xp_jax.winograd import WINOGRAD, pays, transform_kernel

# Largest error relative to the largest value: what a plain sum over as many channels has.
BOUND = 3e-6


@pytest.mark.parametrize(
    ("shape", "out", "pads"),
    [
        ((1, 16, 12, 14), 32, (1, 1, 1, 1)),
        ((2, 17, 9, 11), 33, (1, 0, 2, 1)),
        ((3, 40, 7, 4), 32, "same_upper"),
        ((1, 300, 5, 6), 48, (0, 0, 0, 0)),
        ((1, 16, 3, 3), 32, (0, 0, 0, 0)),
        ((0, 16, 8, 8), 32, (1, 1, 1, 1)),
    ],
)
@pytest.mark.parametrize("activation", [PReLU(), Activation("relu"), None])
def test_odd_sizes(shape, out, pads, activation):
    op = Conv2D(out, (3, 3), pads=pads, bias=activation is not None, activation=activation)
    case = OpCase(op, (shape,), 3)
    (wish,) = case.expected()
    weights = transform_kernel(case.weights())
    with jax.default_matmul_precision("highest"):
        (y,) = jax.jit(kernel_for(op, shape))(weights, *case.inputs())
    assert y.shape == wish.shape
    assert np.abs(y - wish).max(initial=0) <= BOUND * np.abs(wish).max(initial=1)


@pytest.mark.parametrize(
    ("op", "channels", "wish"),
    [
        (Conv2D(32, (3, 3)), 16, True),
        (Conv2D(16, (3, 3)), 16, False),
        (Conv2D(32, (3, 3)), 8, False),
        (Conv2D(32, (3, 3), (2, 1)), 16, False),
        (Conv2D(32, (3, 3), dilation=(1, 2)), 16, False),
        (Conv2D(32, (3, 3), groups=2), 16, False),
        (Conv2D(32, (5, 5)), 16, False),
    ],
)
def test_where_it_pays(op, channels, wish):
    assert pays(op, channels) is wish


def test_who_transforms():
    op = Conv2D(32, (3, 3))
    weights = OpCase(op, ((1, 16, 8, 8),), 0).weights()
    quick = JaxBackend("cpu")
    assert quick.prepare(op, weights)[WINOGRAD].shape == (16, 16, 32)
    for other in (
        JaxBackend("cpu", exact=True),
        JaxBackend("cpu", precision="default"),
        quick.with_dtype("bfloat16"),
    ):
        assert other.prepare(op, weights).keys() == weights.keys()
