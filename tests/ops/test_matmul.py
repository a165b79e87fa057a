"""Products of computed matrices, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import ShapeError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops import MatMul
from zqcnn_xp.testing.check_op import check_op


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 5, 7), (2, 7, 3)),
        ((2, 4, 5, 7), (2, 4, 7, 3)),
        ((2, 1, 5, 7), (2, 4, 7, 5)),
        ((1, 2, 2, 3, 4), (1, 2, 2, 4, 1)),
        ((0, 4, 5, 7), (0, 4, 7, 3)),
    ],
)
def test_equals_numpy(a, b):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(a, np.float32), rng.standard_normal(b, np.float32)
    want = np.matmul(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    check_op(MatMul(), x, y, expect=[want])
    assert MatMul().infer(a, b) == (want.shape,)
    assert MatMul().muladds(a, b) == want.size * a[-1]


def test_the_samples_of_a_batch_stay_apart():
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((3, 2, 4, 4), np.float32) for _ in range(2))
    stored = to_storage(np, x), to_storage(np, y)
    whole = to_logical(np, MatMul().forward(np, {}, *stored)[0])
    parts = [MatMul().forward(np, {}, *(s[k : k + 1] for s in stored))[0] for k in range(3)]
    np.testing.assert_allclose(whole, to_logical(np, np.concatenate(parts)), rtol=1e-6)


@pytest.mark.parametrize(
    "shapes",
    [((2, 3), (3, 4)), ((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (1, 2, 4, 5)), ((2, 3, 4),),
     ((2, 3, 4, 5), (2, 2, 5, 4))],
)  # fmt: skip
def test_refuses_what_does_not_multiply(shapes):
    with pytest.raises(ShapeError, match="MatMul: found"):
        MatMul().infer(*shapes)
