"""Boxes of MXNet's detectors."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import PriorBoxMxnet
from zqcnn_xp.testing.check_op import check_op


def by_hand(op: PriorBoxMxnet, rows: int, columns: int) -> np.ndarray:
    found = []
    step_y, step_x = op.step[0] or 1 / rows, op.step[1] or 1 / columns
    for r in range(rows):
        for c in range(columns):
            y, x = (r + op.offset[0]) * step_y, (c + op.offset[1]) * step_x
            halves = [(s * rows / columns / 2, s / 2) for s in op.sizes]
            for ratio in dict.fromkeys(op.aspect_ratios):
                if ratio != 1:
                    w, h = halves[0]
                    halves.append((w * sqrt(ratio), h / sqrt(ratio)))
            found += [[x - w, y - h, x + w, y + h] for w, h in halves]
    return np.clip(found, 0, 1) if op.clip else np.asarray(found)


@pytest.mark.parametrize(
    "op",
    [
        PriorBoxMxnet((0.2,)),
        PriorBoxMxnet((0.2, 0.35), (1.0, 2.0, 0.5, 2.0)),
        PriorBoxMxnet((0.9, 0.3), (3.0,), (0.25, 0.0), (0.0, 0.5), clip=True),
    ],
)
@pytest.mark.parametrize("shape", [(1, 8, 4, 6), (3, 2, 1, 1), (0, 2, 5, 3)])
def test_values(op: PriorBoxMxnet, shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    want = by_hand(op, *shape[2:])[None, None]
    check_op(op, x, expect=[want])
    assert op.infer(shape)[0] == want.shape


def test_what_is_refused() -> None:
    for broken in ({"sizes": ()}, {"sizes": (0.0,)}, {"aspect_ratios": (-1.0,)}, {"step": (-1, 0)}):
        with pytest.raises(InputError, match="PriorBoxMxnet: found sizes"):
            PriorBoxMxnet(**{"sizes": (0.2,), **broken})
    with pytest.raises(ShapeError, match="found an empty map"):
        PriorBoxMxnet((0.2,)).infer((1, 3, 0, 4))
    with pytest.raises(ShapeError, match="expected 4 dimensions"):
        PriorBoxMxnet((0.2,)).infer((1, 3, 4))
