"""Pooling against the NumPy reference, over all attributes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_cupy import launch

pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
borders = st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 4)] * 4))


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["max", "average"]), kernel=st.one_of(st.none(), pair), stride=pair,
    pads=borders, ceil=st.booleans(), clip=st.booleans(),
    value=st.sampled_from(["ignore", "zero"]), count=st.sampled_from(["valid", "padded", "kernel"]),
    n=st.integers(0, 2), c=st.sampled_from([1, 3, 4, 8]),
    size=st.tuples(st.integers(1, 10), st.integers(1, 10)), seed=st.integers(0, 999),
)  # fmt: skip
def test_pooling(
    backend, compare, kind, kernel, stride, pads, ceil, clip, value, count, n, c, size, seed
):
    op = Pool2D(kind, kernel, stride, pads, ceil, clip, value, count)
    try:
        op.infer((n, c, *size))
    except ShapeError:
        assume(False)
    assert compare(backend, op, (n, c, *size), seed, same=kind == "max") is not None


def test_zero_padding_competes_in_a_maximum_of_negatives(backend):
    x = np.full((1, 3, 3, 4), -2, np.float32)
    for value, corner in (("zero", 0.0), ("ignore", -2.0)):
        op = Pool2D("max", (2, 2), (2, 2), (1, 0, 1, 0), pad_value=value)
        y = backend.to_numpy(backend.kernel(op, (1, 4, 3, 3))({}, backend.from_numpy(x))[0])
        assert y[0, 0, 0, 0] == corner
        assert y[0, 1, 1, 0] == -2.0


def test_a_nan_stays(backend):
    x = np.zeros((1, 4, 4, 4), np.float32)
    x[0, 0, 1, 2] = np.nan
    y = backend.kernel(Pool2D("max", (2, 2), (2, 2)), (1, 4, 4, 4))({}, backend.from_numpy(x))[0]
    assert np.argwhere(np.isnan(backend.to_numpy(y))).tolist() == [[0, 0, 0, 2]]


def test_64_bit_indices(backend, compare, monkeypatch):
    monkeypatch.setattr(launch, "LIMIT", 100)
    assert compare(backend, Pool2D("max", (3, 3), (2, 2), ceil=True), (2, 4, 9, 10)) is not None
    ((_, options),) = backend._tools.launch._kernels
    assert "-DWIDE_INDEX" in options


@pytest.mark.parametrize("kind", ["max", "average"])
def test_a_large_whole_map_takes_the_reference(backend, compare, kind):
    assert compare(backend, Pool2D(kind, None), (2, 3, 65, 64)) is None
    assert compare(backend, Pool2D(kind, None), (2, 3, 64, 64)) is not None
