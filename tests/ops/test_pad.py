"""Cells of one number around a value, against np.pad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp import InputError, ShapeError
from zqcnn_xp.ops import Pad
from zqcnn_xp.testing.check_op import check_op


@given(data=st.data(), shape=array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
@settings(deadline=None, max_examples=40)
def test_equals_numpy(data: Any, shape: tuple[int, ...]) -> None:
    count = st.integers(0, 3)
    pads = tuple((data.draw(count), data.draw(count)) for _ in shape)
    value = data.draw(st.sampled_from([0.0, -1.5]))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(Pad(pads, value), x, expect=[np.pad(x, pads, constant_values=value)])


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="0 or more"):
        Pad(((0, -1),))
    with pytest.raises(ShapeError, match="2 dimensions"):
        Pad(((0, 0), (1, 1))).infer((1, 2, 3))


def test_new_samples_mix_the_batch() -> None:
    assert Pad(((1, 0), (0, 0))).mixes_batch
    assert not Pad(((0, 0), (1, 0))).mixes_batch
