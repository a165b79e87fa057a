"""JAX kernels against the references, over attributes at random."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import Activation, Conv2D, Pool2D, PReLU
from zqcnn_xp.testing import OpCase
from zqcnn_xp_jax.kernels import kernel_for

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
pads = st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 2)] * 4))
sizes = st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


def compare(op, shape, seed):
    case = OpCase(op, (shape,), seed)
    try:
        (wish,) = case.expected()
    except ShapeError:
        assume(False)
    kernel = kernel_for(op, shape)
    if kernel is None:
        return False
    with jax.default_matmul_precision("highest"):
        (y,) = kernel(case.weights(), *map(jax.numpy.asarray, case.inputs()))
    assert y.dtype == np.float32
    assert y.shape == wish.shape
    scale = max(1.0, np.abs(wish[np.isfinite(wish)]).max(initial=0))
    np.testing.assert_allclose(y, wish, rtol=0, atol=1e-5 * scale)
    return True


@settings(max_examples=25, deadline=None)
@given(
    shape=sizes,
    kind=st.sampled_from(["dense", "depthwise", "multiplied", "groups"]),
    kernel=pairs,
    stride=pairs,
    dilation=pairs,
    padding=pads,
    bias=st.booleans(),
    activation=st.sampled_from([None, PReLU(), Activation("relu")]),
    seed=st.integers(0, 99),
)
def test_convolution(shape, kind, kernel, stride, dilation, padding, bias, activation, seed):
    n, c, h, w = shape
    c = {"dense": c, "depthwise": c, "multiplied": c, "groups": 2 * c}[kind]
    out, groups = {
        "dense": (5, 1),
        "depthwise": (c, c),
        "multiplied": (2 * c, c),
        "groups": (6, 2),
    }[kind]
    op = Conv2D(out, kernel, stride, dilation, padding, groups, bias, activation)
    assert compare(op, (n, c, h, w), seed)


@settings(max_examples=25, deadline=None)
@given(sizes, pairs, pairs, pads, st.booleans(), st.booleans(), st.integers(0, 99))
def test_max_pooling(shape, kernel, stride, padding, ceil, clip, seed):
    compare(Pool2D("max", kernel, stride, padding, ceil, clip), shape, seed)


@pytest.mark.parametrize(
    "op",
    [
        Pool2D("average", (2, 2)),
        Pool2D("max", None),
        Pool2D("max", (3, 3), pads=(1, 1, 1, 1), pad_value="zero"),
        Activation("relu"),
    ],
)
def test_the_reference_is_as_good_for(op):
    assert kernel_for(op, (1, 4, 8, 8)) is None


def test_zero_padding_of_nothing_is_no_obstacle():
    assert compare(Pool2D("max", (2, 2), (2, 2), pad_value="zero", ceil=True), (1, 3, 7, 5), 0)


@pytest.mark.parametrize("cpu", [True, False])
@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Conv2D(9, (3, 3), (1, 2), pads=(1, 0, 2, 1), activation=PReLU()), (1, 3, 63, 61)),
        (Conv2D(32, (2, 3), dilation=(2, 1), bias=False), (2, 1, 21, 19)),
        (Conv2D(12, (1, 1), (2, 1), activation=Activation("relu")), (1, 5, 151, 80)),
    ],
)
def test_large_maps_of_few_channels(op, shape, cpu):
    """On a CPU these are written out as one sum: no convolution and no product is left."""
    weights = OpCase(op, (shape,), 0).weights()
    x = jax.numpy.zeros((shape[0], *shape[2:], shape[1]))
    text = str(jax.make_jaxpr(kernel_for(op, shape, cpu=cpu))(weights, x))
    assert ("conv_general" in text or "dot_general" in text) is not cpu
    assert compare(op, shape, 5)
