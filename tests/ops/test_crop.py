"""Cutting a value to the size of another."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Crop
from zqcnn_xp.testing.check_op import check_op

X = np.arange(2 * 6 * 8 * 9, dtype=np.float32).reshape(2, 6, 8, 9)
LIKE = np.zeros((1, 4, 5, 3), np.float32)


@pytest.mark.parametrize(
    ("op", "want"),
    [
        (Crop(), X[:, :, :5, :3]),
        (Crop(2, (2,)), X[:, :, 2:7, 2:5]),
        (Crop(2, (1, 6)), X[:, :, 1:6, 6:9]),
        (Crop(1, (2, 3, 4)), X[:, 2:6, 3:8, 4:7]),
        (Crop(3, (6,)), X[:, :, :, 6:9]),
        (Crop(0, (1, 0, 0, 0)), X[1:2, :4, :5, :3]),
        (Crop(2, (7, 7), center=True), X[:, :, 1:6, 3:6]),
    ],
)
def test_values(op: Crop, want: np.ndarray) -> None:
    check_op(op, X, LIKE, expect=[want])


def test_no_sample_and_another_rank() -> None:
    check_op(Crop(), X[:0], LIKE, expect=[X[:0, :, :5, :3]])
    check_op(Crop(1, (2,)), X[0, 0], LIKE[0, 0], expect=[X[0, 0][:, 2:5]])
    assert Crop(0, (0,)).mixes_batch
    assert not Crop().mixes_batch


def test_what_is_refused() -> None:
    for broken in ({"axis": -1}, {"offsets": ()}, {"offsets": (-1,)}):
        with pytest.raises(InputError, match="Crop: found axis"):
            Crop(**broken)
    for op, like in (
        (Crop(2, (4,)), (1, 4, 5, 3)),
        (Crop(2, (1, 1, 1)), (1, 4, 5, 3)),
        (Crop(center=True), (1, 4, 9, 3)),
    ):
        with pytest.raises(ShapeError, match="expected a part of"):
            op.infer(X.shape, like)
    for shapes in ((X.shape,), (X.shape, (5, 3)), ((5, 3), (5, 3))):
        with pytest.raises(ShapeError, match="expected two of one rank"):
            Crop().infer(*shapes)
