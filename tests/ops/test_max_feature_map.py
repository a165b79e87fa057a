"""The larger half of the channels."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import MaxFeatureMap
from zqcnn_xp.testing.check_op import check_op


@pytest.mark.parametrize("shape", [(2, 6, 3, 4), (3, 8), (2, 4, 5), (0, 2, 3, 3), (1, 2, 1, 1)])
def test_values(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(MaxFeatureMap(), x, expect=lambda w, x: np.maximum(*np.split(x, 2, axis=1)))
    assert MaxFeatureMap().muladds(shape) == x.size // 2


def test_an_odd_number_of_channels_is_refused() -> None:
    for shape in ((1, 3, 2, 2), (4,)):
        with pytest.raises(ShapeError, match="expected an even number of channels"):
            MaxFeatureMap().infer(shape)
