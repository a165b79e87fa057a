from __future__ import annotations

from typing import Any

import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.mtcnn.options import Options


@pytest.mark.parametrize(
    "wrong",
    [
        {"compat": "caffe"},
        {"min_face": 0},
        {"min_face": float("nan")},
        {"min_face": "20"},
        {"min_face": None},
        {"thresholds": (0.5, 0.6)},
        {"thresholds": (0.5, 0.6, float("nan"))},
        {"thresholds": "abc"},
        {"nms_thresholds": (0.5, -1, 0.5)},
        {"nms_per_scale": float("nan")},
        {"nms_per_scale": "much"},
        {"factor": 1.0},
        {"factor": "0.7"},
        {"pnet_size": 1},
        {"pnet_stride": 0},
        {"pnet_stride": 1.5},
        {"overlap_count": -1},
        {"limits": (1, 2)},
        {"limits": (1, -2, None)},
        {"early_accept": float("nan")},
        {"early_accept": (0.9,)},
        {"threads": 0},
        {"threads": True},
        {"block": 12},
        {"blur": (4, 1.0)},
        {"blur": "always"},
        {"blur": (3, 0)},
        {"max_pixels": 0},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=f"{name}="):
        Options(**wrong)


def test_defaults_follow_the_rules() -> None:
    right, original = Options(), Options(compat="zqcnn")
    assert right.nms_thresholds == (0.7, 0.7, 0.7)
    assert original.nms_thresholds == (0.4, 0.5, 0.5)
    assert (right.nms_per_scale, original.nms_per_scale) == (0.5, 0.495)
    assert Options(compat="zqcnn", pnet_size=20, pnet_stride=4).nms_per_scale == 0.45
    assert Options(limits=(0, 5, None)).limits == (None, 5, None)
    assert Options(thresholds=(0, 0, 0), compat="zqcnn").threshold(0) == 0.1
    assert Options(thresholds=(0, 0, 0)).threshold(0) == 0
    assert Options(min_face=8).smallest == 12


def test_automatic_blur_only_for_small_faces_in_large_images() -> None:
    options = Options(blur="auto")
    assert options.blur_for(640, 480) is None
    assert options.blur_for(1080, 1920) == (3, 2.0)
    assert options.blur_for(4000, 3000) == (5, 3.0)
    assert Options(blur="auto", min_face=100).blur_for(4000, 3000) is None
    assert Options(blur=(5, 2.0)).blur_for(10, 10) == (5, 2.0)
    assert Options().blur_for(4000, 3000) is None
