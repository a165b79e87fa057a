"""Depthwise and matrix convolution against the NumPy reference."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp_cupy import launch
from zqcnn_xp_cupy.convolution import Depthwise, MatrixConvolution

ACTIVATIONS = [
    None,
    PReLU(),
    PReLU(shared=True),
    Activation("relu"),
    Activation("leaky_relu", alpha=0.1),
    Activation("clip", low=-0.5, high=1.0),
    Activation("sigmoid"),
    Activation("tanh"),
    Activation("elu", alpha=0.7),
]
pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
borders = st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 3)] * 4))
quiet = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def cases(draw, depthwise):
    groups = draw(st.sampled_from([1, 2, 3, 4, 8]))
    per_group = 1 if depthwise else draw(st.sampled_from([2, 3, 4, 8]))
    multiplier = draw(st.sampled_from([1, 1, 2, 3] if depthwise else [1, 2, 3, 4]))
    kernel = draw(st.one_of(pair, st.sampled_from([(1, 1), (3, 3), (5, 5)])))
    op = Conv2D(
        groups * multiplier, kernel, draw(pair), draw(pair), draw(borders), groups,
        draw(st.booleans()), draw(st.sampled_from(ACTIVATIONS)),
    )  # fmt: skip
    size = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    shape = (draw(st.integers(0, 3)), groups * per_group, *size)
    try:
        op.infer(shape)
    except ShapeError:
        assume(False)
    return op, shape


@quiet
@given(case=cases(depthwise=False), workspace=st.sampled_from([1, 500, 5000, 1 << 20]))
def test_matrix_convolution(make_backend, compare, case, workspace):
    op, shape = case
    native = compare(make_backend(workspace=workspace), op, shape)
    assert (native is None) == (shape[0] == 0)
    assert native is None or isinstance(native.native, MatrixConvolution)


@quiet
@given(case=cases(depthwise=True))
def test_depthwise(backend, compare, case):
    op, shape = case
    native = compare(backend, op, shape)
    assert (native is None) == (shape[0] == 0)
    assert native is None or isinstance(native.native, Depthwise)


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Conv2D(64, (3, 3), (2, 2), pads=(1, 1, 1, 1), activation=PReLU()), (2, 3, 112, 112)),
        (Conv2D(12, (3, 3), pads=(2, 1, 0, 3), groups=3), (3, 24, 9, 31)),
        (Conv2D(32, (5, 5), dilation=(2, 3), pads="same_upper", groups=32), (1, 32, 40, 17)),
        (Conv2D(128, (7, 7), groups=128), (4, 128, 7, 7)),
        (Conv2D(17, (1, 1), activation=Activation("relu")), (5, 31, 8, 9)),
        (Conv2D(6, (1, 1), groups=2), (2, 8, 5, 5)),
    ],
)
def test_layers_of_real_networks(backend, compare, op, shape):
    assert compare(backend, op, shape) is not None


def test_64_bit_indices(backend, compare, monkeypatch):
    """Large arrays take 64-bit indices; a small limit makes these arrays large."""
    monkeypatch.setattr(launch, "LIMIT", 500)
    for op in (
        Conv2D(8, (3, 3), (2, 1), pads=(1, 2, 0, 1), groups=2, activation=PReLU()),
        Conv2D(8, (3, 3), (1, 2), pads=(1, 2, 0, 1), groups=8),
    ):
        native = compare(backend, op, (2, 8, 9, 10))
        assert native is not None
    variants = dict(backend._tools.launch._kernels.keys())
    assert "-DWIDE_INDEX" in variants["im2col"]
    assert "-DWIDE_INDEX" in variants["depthwise"]


def test_a_1x1_convolution_needs_no_matrix(backend, compare):
    assert compare(backend, Conv2D(4, (1, 1)), (1, 8, 6, 6)).native.direct
    assert not compare(backend, Conv2D(4, (1, 1), (2, 2)), (1, 8, 6, 6)).native.direct
    assert not compare(backend, Conv2D(4, (1, 1), pads=(0, 1, 0, 0)), (1, 8, 6, 6)).native.direct


def test_the_workspace_bounds_the_matrix(sim, compare):
    from zqcnn_xp_cupy import CupyBackend

    op, shape = Conv2D(4, (3, 3), pads=(1, 1, 1, 1)), (2, 8, 32, 32)
    peaks = []
    for workspace in (1 << 20, 40_000):
        backend = CupyBackend(memory_limit=1 << 28, workspace=workspace)
        native = compare(backend, op, shape)
        assert native.native.chunk * 9 * 8 * 4 <= workspace
        peaks.append(backend.scope.pool.peak)
    whole = 2 * 32 * 32 * 9 * 8 * 4
    assert peaks[0] - peaks[1] > whole - 40_000 - 1000


def test_sizes_beyond_32_bits_take_the_reference(backend):
    assert backend.kernel(Conv2D(4, (3, 3), pads=(2**30, 0, 0, 0)), (1, 4, 8, 8)) is None
    assert backend.kernel(Conv2D(4, (3, 3)), (0, 4, 8, 8)) is None
