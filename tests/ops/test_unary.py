"""Functions of one element, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import InputError
from zqcnn_xp.ops import Unary
from zqcnn_xp.testing.check_op import check_op


@pytest.mark.parametrize("kind", ["abs", "exp", "log", "reciprocal", "sqrt"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (0, 3, 4, 5), (2, 3, 4, 5)])
def test_equals_numpy(kind: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(0.1, 3, shape).astype(np.float32)
    x = -x if kind in ("abs", "exp", "reciprocal") else x
    want = getattr(np, kind)(x.astype(np.float64)).astype(np.float32)
    check_op(Unary(kind), x, expect=[want])
    assert Unary(kind).muladds(shape) == x.size


def test_refuses_an_unknown_kind() -> None:
    with pytest.raises(InputError, match="cube"):
        Unary("cube")  # type: ignore[arg-type]
