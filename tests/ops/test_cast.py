"""Types of elements."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import Cast


def test_rounds_to_nearest_and_overflows_to_infinity():
    x = np.float32([1 + 2**-12, 65504, 1e6])
    with np.errstate(over="ignore"):
        (y,) = Cast("float16").forward(np, {}, x)
    assert y.dtype == np.float16
    assert y.tolist() == [1.0, 65504.0, np.inf]
    assert Cast("float32").forward(np, {}, y)[0].dtype == np.float32
    assert Cast("float16").infer((2, 3)) == ((2, 3),)


def test_other_types_are_refused():
    with pytest.raises(InputError, match="int8"):
        Cast("int8")
