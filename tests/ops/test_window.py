"""Sizes and paddings of sliding windows, counted out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops.window import (
    check_groups,
    extent,
    kernel_weights,
    output_size,
    pad_spatial,
    resolve_pads,
)

CELLS = st.integers(1, 20)


@given(CELLS, st.integers(0, 3), st.integers(0, 3), st.integers(1, 6), st.integers(1, 5))
@settings(deadline=None, max_examples=200)
def test_counts_the_windows(cells: int, before: int, after: int, span: int, stride: int) -> None:
    length = cells + before + after
    starts = range(0, length + stride, stride)
    whole = [start for start in starts if start + span <= length]
    if not whole:
        with pytest.raises(ShapeError, match=f"expected at least {span}"):
            output_size("Conv2D", cells, before, after, span, stride)
        return
    assert output_size("Conv2D", cells, before, after, span, stride) == len(whole)
    # Rounding up adds a window wherever the last whole one leaves cells over.
    partly = len(whole) + (whole[-1] + span < length)
    assert output_size("Pool2D", cells, before, after, span, stride, ceil=True) == partly
    behind = partly > 1 and (partly - 1) * stride >= cells + before
    clipped = output_size("Pool2D", cells, before, after, span, stride, ceil=True, clip_last=True)
    assert clipped == partly - behind


@given(CELLS, CELLS, st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
@settings(deadline=None, max_examples=100)
def test_same_upper_gives_a_window_for_each_stride(h, w, kernel, stride, dilation) -> None:
    top, bottom, left, right = resolve_pads(
        "same_upper", (h, w), (kernel, kernel), (stride, stride), (dilation, dilation)
    )
    span = extent(kernel, dilation)
    for cells, before, after in ((h, top, bottom), (w, left, right)):
        assert after - before in (0, 1)
        assert output_size("Conv2D", cells, before, after, span, stride) == -(-cells // stride)


def test_a_border_is_where_it_was_asked_for() -> None:
    x = np.ones((1, 2, 3, 1), np.float32)
    y = pad_spatial(np, x, (1, 0, 2, 1), -7.0)
    wish = np.pad(x, ((0, 0), (1, 0), (2, 1), (0, 0)), constant_values=-7)
    np.testing.assert_array_equal(y, wish)
    assert pad_spatial(np, x, (0, 0, 0, 0)) is x


def test_channels_that_groups_do_not_divide() -> None:
    check_groups("Op", 6, 9, 3)
    for channels, out in ((7, 9), (6, 8)):
        with pytest.raises(ShapeError, match=rf"Op: found {channels} input and {out} output"):
            check_groups("Op", channels, out, 3)


def test_weights_of_a_kernel() -> None:
    assert kernel_weights((1, 2), 3, 4, bias=False) == {"weight": (1, 2, 3, 4)}
    assert kernel_weights((1, 2), 3, 4, bias=True)["bias"] == (4,)
