"""Windows as the planner sees them: borders that hold what is read, counts that are one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Conv2D, Pool2D
from zqcnn_xp_llvm.planner.windows import can_pool, conv_window, pool_window

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
short = st.tuples(st.integers(1, 3), st.integers(1, 3))


def reach(window, cells, out, axis):
    """First and last cell that any window reads along an axis."""
    before = (window.border.top, window.border.left)[axis]
    last = (out - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis]
    return -before, last - before


@settings(max_examples=100, deadline=None)
@given(
    kernel=pairs,
    stride=short,
    dilation=short,
    pads=st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 3)] * 4)),
    size=st.tuples(st.integers(10, 20), st.integers(10, 20)),
)
def test_a_border_holds_exactly_what_a_convolution_reads(kernel, stride, dilation, pads, size):
    op = Conv2D(4, kernel, stride, dilation, pads)
    shape = (1, 3, *size)
    window, out = conv_window(op, shape), op.infer(shape)[0]
    assert (window.fold, window.border.value) == ("product", 0.0)
    for axis, (cells, after) in enumerate(
        zip(size, (window.border.bottom, window.border.right), strict=True)
    ):
        first, last = reach(window, cells, out[2 + axis], axis)
        assert max(last - cells + 1, 0) == after
        assert first <= 0


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["max", "average"]),
    kernel=pairs,
    stride=short,
    ceil=st.booleans(),
    clip=st.booleans(),
    value=st.sampled_from(["ignore", "zero"]),
    count=st.sampled_from(["valid", "padded", "kernel"]),
    size=st.tuples(st.integers(5, 12), st.integers(5, 12)),
    data=st.data(),
)
def test_one_border_and_one_divisor_serve_every_window(
    kind, kernel, stride, ceil, clip, value, count, size, data
):
    """Where `can_pool` says so: folding a padded map in NumPy gives the op's result."""
    sides = [st.integers(0, kernel[0] - 1)] * 2 + [st.integers(0, kernel[1] - 1)] * 2
    op = Pool2D(kind, kernel, stride, data.draw(st.tuples(*sides)), ceil, clip, value, count)
    shape = (1, 1, *size)
    if not can_pool(op, shape):
        return
    window, (_, _, ho, wo) = pool_window(op, shape), op.infer(shape)[0]
    x = np.random.default_rng(0).standard_normal(size)
    edge = window.border
    padded = np.pad(x, (edge.sides[:2], edge.sides[2:]), constant_values=edge.value)
    found = np.empty((ho, wo))
    for i in range(ho):
        for j in range(wo):
            y, z = i * stride[0], j * stride[1]
            cells = padded[y : y + kernel[0], z : z + kernel[1]]
            assert cells.shape == kernel
            found[i, j] = cells.max() if kind == "max" else cells.sum() * window.scale
    (want,) = op.forward(np, {}, x[None, :, :, None])
    np.testing.assert_allclose(found, want[0, ..., 0], rtol=1e-12)


def test_whole_maps_are_pooled_as_one_window():
    window = pool_window(Pool2D("average", None), (1, 8, 7, 5))
    assert (window.kernel, window.scale) == ((7, 5), 1 / 35)
    assert window.border.empty


def test_divisors_that_differ_are_the_references():
    op = Pool2D("average", (3, 3), (1, 1), (1, 1, 1, 1), count="valid")
    assert not can_pool(op, (1, 8, 7, 7))
    assert can_pool(Pool2D("average", (3, 3), (1, 1), (1, 1, 1, 1), count="kernel"), (1, 8, 7, 7))
