"""Every NumPy kernel against the reference of its op, over drawn shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import BackendUnavailable, get_backend
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.softmax import Softmax

BACKEND = get_backend("numpy")
ACTIVATIONS = [
    None,
    PReLU(),
    PReLU(shared=True),
    Activation("relu"),
    Activation("clip", low=-0.5, high=1.0),
    Activation("leaky_relu", alpha=0.1),
    Activation("leaky_relu", alpha=2.0),
    Activation("sigmoid"),
    Activation("tanh"),
]
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
short = st.tuples(st.integers(1, 3), st.integers(1, 3))
borders = st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 3)] * 4))
seeds = st.integers(0, 2**32 - 1)


def run_both(op, shape, seed):
    rng = np.random.default_rng(seed)
    n, c, h, w = shape
    weights = {
        name: rng.standard_normal(size).astype(np.float32)
        for name, size in op.weights(shape).items()
    }
    x = rng.standard_normal((n, h, w, c)).astype(np.float32)
    x.setflags(write=False)
    kernel = BACKEND.kernel(op, shape)
    reference = op.forward(BACKEND.xp, weights, x)[0]
    found = kernel(BACKEND.prepare(op, weights), x)[0] if kernel else reference
    return kernel, found, reference


@settings(max_examples=150, deadline=None)
@given(
    kernel=pairs,
    stride=short,
    dilation=short,
    pads=borders,
    depthwise=st.booleans(),
    bias=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
    n=st.integers(0, 3),
    channels=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    size=st.tuples(st.integers(12, 40), st.integers(12, 40)),
    seed=seeds,
)
def test_convolution(
    kernel, stride, dilation, pads, depthwise, bias, activation, n, channels, size, seed
):
    c, o = channels
    groups = c if depthwise else 1
    o = c if depthwise else o
    op = Conv2D(o, kernel, stride, dilation, pads, groups, bias, activation)
    native, found, reference = run_both(op, (n, c, *size), seed)
    assert native is not None or n == 0
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, rtol=1e-4, atol=1e-4)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["max", "average"]),
    kernel=pairs,
    stride=short,
    data=st.data(),
    ceil=st.booleans(),
    clip=st.booleans(),
    value=st.sampled_from(["ignore", "zero"]),
    count=st.sampled_from(["valid", "padded", "kernel"]),
    n=st.integers(1, 2),
    c=st.integers(1, 9),
    size=st.tuples(st.integers(6, 20), st.integers(6, 20)),
    seed=seeds,
)
def test_pooling(kind, kernel, stride, data, ceil, clip, value, count, n, c, size, seed):
    sides = [st.integers(0, kernel[0])] * 2 + [st.integers(0, kernel[1])] * 2
    pads = data.draw(st.one_of(st.just("same_upper"), st.tuples(*sides)))
    op = Pool2D(kind, kernel, stride, pads, ceil, clip, value, count)
    _, found, reference = run_both(op, (n, c, *size), seed)
    np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_depthwise_of_many_channels(stride, bias):
    """Another loop, and at this size several blocks of it."""
    op = Conv2D(100, (3, 3), stride, (1, 2), (1, 0, 2, 1), 100, bias, PReLU())
    native, found, reference = run_both(op, (2, 100, 41, 38), 7)
    assert native is not None
    np.testing.assert_allclose(found, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 8, 9])
def test_softmax_over_channels(channels):
    native, found, reference = run_both(Softmax(1), (2, channels, 5, 7), 3)
    assert (native is None) == (channels > 8)
    np.testing.assert_allclose(found, reference, rtol=1e-6)


def test_blocks_of_rows_do_not_show():
    """A map of several cache blocks, whose last block is short."""
    op = Conv2D(24, (3, 3), pads=(1, 1, 1, 1), activation=PReLU())
    _, found, reference = run_both(op, (2, 16, 61, 83), 5)
    np.testing.assert_allclose(found, reference, rtol=1e-4, atol=1e-4)


def test_nan_stays_nan():
    op = Conv2D(2, (1, 1), activation=Activation("relu"))
    weights = {"weight": np.ones((1, 1, 1, 2), np.float32), "bias": np.zeros(2, np.float32)}
    x = np.full((1, 1, 1, 1), np.nan, np.float32)
    found = BACKEND.kernel(op, (1, 1, 1, 1))(BACKEND.prepare(op, weights), x)[0]
    assert np.isnan(found).all()
    assert np.isnan(op.forward(BACKEND.xp, weights, x)[0]).all()


def test_other_devices_are_refused():
    with pytest.raises(BackendUnavailable, match="'cpu' alone"):
        get_backend("numpy", device="gpu:0")
