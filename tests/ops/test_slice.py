"""A range of one axis, against Python's slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp import InputError, ShapeError
from zqcnn_xp.ops import Slice
from zqcnn_xp.testing.check_op import check_op


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=6))
@settings(deadline=None, max_examples=40)
def test_equals_numpy(data: Any, shape: tuple[int, ...]) -> None:
    bound = st.integers(-8, 8)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    start, stop = data.draw(bound), data.draw(st.none() | bound)
    step = data.draw(st.integers(1, 3))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, stop, step)
    check_op(Slice(axis, start, stop, step), x, expect=[x[tuple(index)]])


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="step 0"):
        Slice(1, step=0)
    with pytest.raises(ShapeError, match="axis 2"):
        Slice(2).infer((3, 4))


def test_a_part_of_the_samples_mixes_the_batch() -> None:
    assert Slice(0, 1).mixes_batch
    assert not Slice(1, 1).mixes_batch
