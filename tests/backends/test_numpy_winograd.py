"""Winograd's convolution against float64, within its stated bounds, and refused on request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.ops import Activation, Conv2D, PReLU
from zqcnn_xp_numpy import NumpyBackend, winograd
from zqcnn_xp_numpy.kernels import border_of, stage_for
from zqcnn_xp_numpy.tape import Tape
from zqcnn_xp_numpy.winograd import Prepared, tile_size, transforms, winograd_stage

# Largest error, relative to the largest value, of sums over up to 300 channels.
BOUNDS = {2: 3e-6, 4: 1e-5}


def drawn(op, shape, seed):
    rng = np.random.default_rng(seed)
    n, c, h, w = shape
    weights = {
        name: rng.standard_normal(size).astype(np.float32)
        for name, size in op.weights(shape).items()
    }
    return weights, rng.standard_normal((n, h, w, c)).astype(np.float32)


def error(m, op, shape, seed, monkeypatch):
    weights, x = drawn(op, shape, seed)
    wide = {name: w.astype(np.float64) for name, w in weights.items()}
    (wish,) = op.forward(np, wide, x.astype(np.float64))
    out = np.full(wish.shape, np.nan, np.float32)
    monkeypatch.setattr(winograd, "tile_size", lambda op, shape: m)
    tape = Tape()
    winograd_stage(op, shape)(tape, NumpyBackend().prepare(op, weights), [x], [out])
    tape.run()
    return np.abs(out - wish).max() / np.abs(wish).max()


@pytest.mark.parametrize("m", [2, 4])
def test_the_transforms_give_a_correlation(m):
    after, kernel, before = transforms(m)
    d, g = np.random.default_rng(m).standard_normal((2, m + 2))
    wish = np.correlate(d, g[:3])
    np.testing.assert_allclose(after @ ((kernel @ g[:3]) * (before @ d)), wish, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    m=st.sampled_from([2, 4]),
    n=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    size=st.tuples(st.integers(3, 21), st.integers(3, 21)),
    pads=st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 2)] * 4)),
    bias=st.booleans(),
    activation=st.sampled_from([None, PReLU(), Activation("relu")]),
    seed=st.integers(0, 999),
)
def test_odd_sizes(m, n, channels, size, pads, bias, activation, seed):
    c, o = channels
    op = Conv2D(o, (3, 3), pads=pads, bias=bias, activation=activation)
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Few channels would be packed by pixels, for which there is no transform.
        monkeypatch.setattr("zqcnn_xp_numpy.conv.pixels_per_group", lambda op, c: 1)
        assert error(m, op, (n, c, *size), seed, monkeypatch) <= BOUNDS[m]


@pytest.mark.parametrize("m", [2, 4])
def test_several_blocks_and_many_channels(m, monkeypatch):
    monkeypatch.setattr(winograd, "BLOCK", 1 << 12)
    op = Conv2D(40, (3, 3), pads=(1, 1, 1, 1))
    assert error(m, op, (2, 36, 37, 29), 1, monkeypatch) <= BOUNDS[m]
    assert error(m, Conv2D(64, (3, 3)), (1, 300, 14, 14), 2, monkeypatch) <= BOUNDS[m]


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Conv2D(64, (3, 3), (2, 2)), (1, 64, 56, 56)),
        (Conv2D(64, (3, 3), dilation=(2, 2)), (1, 64, 56, 56)),
        (Conv2D(64, (5, 5)), (1, 64, 56, 56)),
        (Conv2D(64, (3, 3), groups=64), (1, 64, 56, 56)),
        (Conv2D(64, (3, 3)), (1, 8, 56, 56)),
    ],
)
def test_where_it_does_not_apply(op, shape):
    assert tile_size(op, shape) == 0


def test_large_maps_take_large_tiles():
    op = Conv2D(64, (3, 3), pads=(1, 1, 1, 1))
    assert tile_size(op, (1, 64, 56, 56)) == 4
    assert border_of(op, (1, 64, 55, 54)) == (1, 2, 1, 3)
    assert border_of(op, (1, 64, 55, 54), exact=True) == (1, 1, 1, 1)


def test_exact_refuses_it():
    op = Conv2D(64, (3, 3), pads=(1, 1, 1, 1))
    shape = (1, 64, 56, 56)
    weights, x = drawn(op, shape, 3)
    wide = {name: w.astype(np.float64) for name, w in weights.items()}
    (wish,) = op.forward(np, wide, x.astype(np.float64))
    found = {}
    for exact in (False, True):
        backend = NumpyBackend(exact=exact)
        (y,) = backend.kernel(op, shape)(backend.prepare(op, weights), x)
        found[exact] = np.abs(y - wish).max() / np.abs(wish).max()
    assert found[True] < found[False] <= BOUNDS[4]
    assert stage_for(op, shape, exact=True) is not None


def test_a_kernel_is_transformed_once():
    op = Conv2D(20, (3, 3))
    weights, _ = drawn(op, (1, 20, 9, 9), 4)
    prepared = NumpyBackend().prepare(op, weights)
    assert isinstance(prepared, Prepared)
    assert prepared.winograd(2) is prepared.winograd(2)
    assert prepared.winograd(4).shape == (36, 20, 20)
