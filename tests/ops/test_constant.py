"""A constant in the place of a computed value."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import InputError, ShapeError
from zqcnn_xp.ops import Constant
from zqcnn_xp.testing.check_op import check_op


@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (2, 5, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_is_repeated_for_each_sample(shape, batch):
    value = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    x = np.full((batch, 4, 3, 3), np.nan, np.float32)
    check_op(Constant(shape), x, weights={"value": value}, expect=[np.repeat(value, batch, 0)])


def test_refusals():
    with pytest.raises(InputError, match="Constant"):
        Constant((2, -1))
    with pytest.raises(ShapeError, match="batch"):
        Constant((2,)).infer(())
