"""The doubled boxes of TextBoxes."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import PriorBox, PriorBoxText
from zqcnn_xp.testing.check_op import check_op

FEATURE, IMAGE = np.zeros((2, 8, 4, 5), np.float32), np.zeros((2, 3, 80, 100), np.float32)
FIELDS = {
    "min_sizes": (30.0, 12.5),
    "max_sizes": (60.0, 40.0),
    "aspect_ratios": (2.0, 5.0),
    "variances": (0.1, 0.1, 0.2, 0.2),
}


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("rule", ["exact", "zqcnn"])
def test_each_box_is_followed_by_its_twin_half_a_step_lower(flip, clip, rule) -> None:
    options = {**FIELDS, "flip": flip, "rule": rule}
    (once,) = check_op(PriorBox(**options, offset=0.5), FEATURE, IMAGE)
    op = PriorBoxText(**options, clip=clip)
    (twice,) = check_op(op, FEATURE, IMAGE)
    boxes = twice[:, 0].reshape(2, -1, 2, 4)
    first = once[:, 0].reshape(2, -1, 4)
    lower = first + np.float32([0, 0.5 * 20 / 80] * 2)
    want = np.stack([first, lower], axis=2)
    np.testing.assert_allclose(boxes, np.clip(want, 0, 1) if clip else want, atol=1e-6)
    np.testing.assert_allclose(
        twice[0, 1].reshape(-1, 4),
        np.float32([[0.1, 0.1, 0.2, 0.2]] * len(twice[0, 1].reshape(-1, 4))),
    )
    assert twice.shape == op.infer(FEATURE.shape, IMAGE.shape)[0]


def test_one_box_by_hand() -> None:
    op = PriorBoxText((20.0,), flip=False)
    (found,) = check_op(op, FEATURE[:1, :, :1, :1], IMAGE[:1, :, :40, :40])
    want = [0.25, 0.25, 0.75, 0.75, 0.25, 0.75, 0.75, 1.25]
    np.testing.assert_allclose(found[0, 0, :, 0], want, atol=1e-7)


def test_what_is_refused() -> None:
    for broken in ({"min_sizes": (-0.5, 3.0)}, {"max_sizes": (30.0, 40.0)}):
        with pytest.raises(InputError, match="each maximum above its minimum"):
            PriorBoxText(**{**FIELDS, **broken})
    with pytest.raises(InputError, match="no min_sizes"):
        PriorBoxText(())
