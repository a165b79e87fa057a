"""YOLO decoders: what is said about the maps that they read."""

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.ncnn import reader


def bits(*masks):
    return np.array(masks, np.float32).view(np.int32).tolist()


def param(*keys, kind="Yolov3DetectionOutput", channels=14):
    lines = (
        "7767517",
        "5 5",
        f"Input a 0 1 a 0=6 1=4 2={channels}",
        f"Input b 0 1 b 0=3 1=2 2={channels}",
        "ReLU r 1 1 a ra",
        "ReLU s 1 1 b rb",
        f"{kind} boxes 2 1 ra rb out {' '.join(keys)}",
    )
    return "\n".join((*lines, "")).encode()


V3 = (
    "0=2", "1=2", "2=2.5e-01", "-23304=6,1.0,2.0,3.0,4.0,5.0,6.0",
    "-23305=4," + ",".join(map(str, bits(2, 1, 1, 0))), "-23306=2,8.0,1.6e+01",
)  # fmt: skip


def test_version_3():
    first, second = reader.read(param(*V3), b"").meta["heads"]
    assert first == {
        "type": "yolo", "name": "boxes", "index": 4, "input": "ra", "classes": 2, "num": 3,
        "score": "nested", "score_threshold": 0.25, "nms_threshold": 0.45,
        "anchors": ((1, 2), (3, 4), (5, 6)), "mask": (2, 1), "stride": 8, "scale_x_y": 1.0,
        "new_coords": False, "nms_kind": "default", "beta_nms": 0.6,
    }  # fmt: skip
    assert (second["input"], second["mask"], second["stride"]) == ("rb", (1, 0), 16)


def test_version_2():
    keys = ("0=2", "1=2", "-23304=4,1.5,2.0,3.0,4.0")
    first, second = reader.read(param(*keys, kind="YoloDetectionOutput"), b"").meta["heads"]
    assert (first["type"], first["input"], second["input"]) == ("region", "ra", "rb")
    assert first["anchors"] == second["anchors"] == ((1.5, 2.0), (3.0, 4.0))
    assert (first["softmax"], first["coords"], first["score_threshold"]) == (True, 4, 0.01)


@pytest.mark.parametrize(
    ("place", "text", "match"),
    [
        (0, "0=3", r"shape \(1, 14, 4, 6\), expected a map of 16 channels"),
        (0, "0=0", "found 0=0"),
        (0, "0=2147483647", "2147483647 classes"),
        (1, "1=3", "4 masks and 2 strides, expected 6 and 2"),
        (3, "-23304=3,1.0,2.0,3.0", "3 numbers in anchors"),
        (4, "-23305=4," + ",".join(map(str, bits(2, 1, 1, 3))), "whole numbers below 3"),
        (4, "-23305=4," + ",".join(map(str, bits(2, 1, 1, 0.5))), "whole numbers below 3"),
        (4, "-23305=4," + ",".join(map(str, bits(2, 1, 1, np.nan))), "whole numbers below 3"),
        (5, "-23306=2,8.0,0", "above 0"),
        (5, "-23306=1,8.0", "4 masks and 1 strides"),
    ],
)
def test_refusals_name_the_line(place, text, match):
    keys = list(V3)
    keys[place] = text
    with pytest.raises(FormatError, match=match) as error:
        reader.read(param(*keys), b"")
    assert error.value.where.startswith("line 7 (Yolov3DetectionOutput 'boxes')")


def test_version_2_has_an_anchor_a_box():
    keys = ("0=2", "1=2", "-23304=2,1.5,2.0")
    with pytest.raises(FormatError, match="1 anchors, expected 2, by its boxes"):
        reader.read(param(*keys, kind="YoloDetectionOutput"), b"")
