"""PriorBox and DetectionOutput."""

import numpy as np
import pytest

from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.detection_output_mxnet import DetectionOutputMxnet
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText

POOL = "Pooling name=pool bottom=x top=f kernel_size=2 stride=2"
PRIOR = "PriorBox name=p bottom=f bottom=x top=y"
DET = "DetectionOutput name=d bottom=loc bottom=conf bottom=prior top=y"


def test_keys_of_a_prior_box(zq):
    keys = (
        " min_size=10 min_size=20.5 max_size=20 max_size=-0.5 aspect_ratio=2 aspect_ratio=3"
        " variance=0.1 variance=0.1 variance=0.2 variance=0.2 flip=0 clip=1 offset=0.5"
    )
    want = {
        "min_sizes": (10.0, 20.5),
        "max_sizes": (20.0, -0.5),
        "aspect_ratios": (2.0, 3.0),
        "variances": (0.1, 0.1, 0.2, 0.2),
        "flip": False,
        "clip": True,
        "offset": 0.5,
    }
    assert zq.op(PRIOR + keys, POOL) == PriorBox(**want)
    assert zq.op(PRIOR + keys, POOL, compat="zqcnn") == PriorBox(**want, rule="zqcnn")
    assert zq.op(PRIOR + " min_size=3", POOL) == PriorBox((3.0,), variances=(0.1,), flip=True)


@pytest.mark.parametrize(
    ("keys", "right", "compat"),
    [
        ("step=8", (8, 8), (8, 0)),
        ("step_h=8 step_w=4", (8, 4), (8, 4)),
        ("step=8 step_w=4", (8, 4), (8, 4)),
    ],
)
def test_steps(zq, keys, right, compat):
    line = f"{PRIOR} min_size=3 {keys}"
    assert zq.op(line, POOL).step == right
    assert zq.op(line, POOL, compat="zqcnn").step == compat


def test_image_size(zq):
    assert zq.op(f"{PRIOR} min_size=3 img_size=300", POOL).image_size == (300, 300)
    assert zq.op(f"{PRIOR} min_size=3 img_h=30 img_w=40", POOL).image_size == (30, 40)


def ssd(zq, keys="num_classes=2", **options):
    # One box in each of the 2 x 3 cells of a 4 x 6 image.
    lines = (
        "Convolution name=cl bottom=x top=loc4 num_output=4 kernel_size=2 stride=2",
        "Flatten name=fl bottom=loc4 top=loc",
        "Convolution name=cc bottom=x top=conf4 num_output=2 kernel_size=2 stride=2",
        "Flatten name=fc bottom=conf4 top=conf",
        "PriorBox name=p bottom=loc4 bottom=x top=prior min_size=2 offset=0.5",
        f"{DET} {keys}",
    )
    return zq.read(*lines, source="C=1 H=4 W=6", **options)


def test_keys_of_a_detection_output(zq):
    keys = (
        "num_classes=2 share_location=1 background_label_id=0 nms_threshold=0.15 nms_top_k=100"
        " code_type=CENTER_SIZE keep_top_k=100 confidence_threshold=0.01 nms_eta=0.9"
        " variance_encoded_in_target=1"
    )
    want = DetectionOutput(
        num_classes=2,
        nms_threshold=0.15,
        nms_eta=0.9,
        nms_top_k=100,
        keep_top_k=100,
        confidence_threshold=0.01,
        code_type="center_size",
        variance_encoded=True,
    )
    assert ssd(zq, keys).nodes[-1].op == want
    assert ssd(zq).nodes[-1].op == DetectionOutput(num_classes=2)
    assert ssd(zq, "num_classes=2 code_type=corner_size").nodes[-1].op.code_type == "corner_size"


def test_no_detection_is_empty_and_marked_in_compat(zq):
    x = np.zeros((1, 1, 4, 6), np.float32)
    keys = "num_classes=2 confidence_threshold=0.5"
    assert zq.run(ssd(zq, keys), x).shape == (0, 7, 1, 1)
    marked = zq.run(ssd(zq, keys, compat="zqcnn"), x)
    assert marked.shape == (1, 7, 1, 1)
    assert marked[0, 0, 0, 0] == -1


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (PRIOR, "no min_sizes in PriorBox of layer 'p'"),
        (PRIOR + " min_size=1 max_size=2 max_size=3", "2 max_sizes for 1 min_sizes"),
        (PRIOR + " min_size=1 variance=0.1 variance=0.2", "variances"),
        (PRIOR + " min_size=1 variance=0", "variances"),
        (PRIOR + " min_size=1 aspect_ratio=0", "aspect_ratios"),
        (PRIOR + " min_size=1 step=-1", "step"),
        (PRIOR + " min_size=1 bottom=x", "3 bottoms of PriorBox 'p', expected 2"),
        (PRIOR.replace(" bottom=x", "") + " min_size=1", "1 bottoms of PriorBox"),
    ],
)
def test_refused_prior_boxes(zq, line, match):
    assert zq.fails(match, POOL, line).where == "line 3"


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ("num_classes=0", "num_classes=0"),
        ("num_classes=3", "in DetectionOutput of layer 'd'"),
        ("num_classes=2 code_type=BOX", "code_type=BOX"),
        ("num_classes=2 nms_threshold=x", "nms_threshold=x"),
        ("num_classes=2 keep_top_k=-2", "keep_top_k=-2"),
    ],
)
def test_refused_detection_outputs(zq, keys, match):
    with pytest.raises(Exception, match=match) as caught:
        ssd(zq, keys)
    assert caught.value.where == "line 7"


def test_keys_of_a_prior_box_for_text(zq):
    line = "PriorBoxText name=p bottom=f bottom=x top=y min_size=3.5 max_size=7 aspect_ratio=2"
    want = {"max_sizes": (7.0,), "aspect_ratios": (2.0,), "variances": (0.1,), "flip": False}
    assert zq.op(line + " flip=0 offset=0.1", POOL) == PriorBoxText((3.5,), **want)
    found = zq.op(line + " flip=0 step=4", POOL, compat="zqcnn")
    assert found == PriorBoxText((3.5,), **want, rule="zqcnn", step=(4.0, 0.0))
    zq.fails("each maximum above its minimum", POOL, line + " min_size=3 max_size=2")


def test_keys_of_a_prior_box_of_mxnet(zq):
    line = "PriorBox_MXNET name=p bottom=x top=y size=0.2 size=0.3 aspect_ratio=1 aspect_ratio=2"
    keys = " variance=0.1 variance=0.2 step_h=0.5 clip=1 offset=0.25"
    want = {"sizes": (0.2, 0.3), "aspect_ratios": (1.0, 2.0), "offset": (0.25, 0.25)}
    assert zq.op(line + keys) == PriorBoxMxnet(**want, step=(0.5, 0.0), clip=True)
    # The original never clips, and takes both steps or none.
    assert zq.op(line + keys, compat="zqcnn") == PriorBoxMxnet(**want)
    both = zq.op(line + keys + " step_w=0.1", compat="zqcnn")
    assert both == PriorBoxMxnet(**want, step=(0.5, 0.1))
    assert zq.op(line).offset == (0.0, 0.0)
    zq.fails("expected positive sizes", "PriorBox_MXNET name=p bottom=x top=y")


def test_detection_output_of_mxnet(zq):
    # Two anchors of a map of one row; the image's channels are probabilities and offsets.
    lines = (
        "PriorBox_MXNET name=p bottom=x top=anchors size=0.5 offset=0.5",
        "Permute name=t bottom=x top=loc order=0 order=3 order=1 order=2",
        "Reshape name=c bottom=x top=prob dim=0 dim=4 dim=2 dim=1",
        "DetectionOutput_MXNET name=d bottom=prob bottom=loc bottom=anchors top=y"
        " variance=0.1 variance=0.1 variance=0.2 variance=0.2 nms_top_k=5 keep_top_k=9 clip=1",
    )
    source = "C=4 H=1 W=2"
    want = DetectionOutputMxnet(nms_top_k=5, keep_top_k=9, clip=True)
    assert zq.op(lines[3], *lines[:3], source=source) == want
    x = np.float32([[1, 0], [0.5, 0.1], [0, 0.9], [0, 0]]).reshape(1, 4, 1, 2)
    found = zq.run(zq.read(*lines, weights=b"", source=source), np.concatenate([x, 0 * x]))
    # The map is half as high as wide, and so are boxes of the image's height: 0.25 x 0.5.
    assert found.shape == (2, 7, 1, 1)
    np.testing.assert_allclose(found[:, :3, 0, 0], [[0, 1, 0.5], [0, 2, 0.9]])
    for row, (px, py, pw, ph), cx in ((0, (1, 0.5, 0, 0), 0.25), (1, (0, 0.1, 0.9, 0), 0.75)):
        x_mid, y_mid = cx + px * 0.1 * 0.25, 0.5 + py * 0.1 * 0.5
        half = np.float32([0.125 * np.exp(0.2 * pw), 0.25 * np.exp(0.2 * ph)])
        middle = np.float32([x_mid, y_mid])
        box = np.clip(np.concatenate([middle - half, middle + half]), 0, 1)
        np.testing.assert_allclose(found[row, 3:, 0, 0], box, rtol=1e-6)
    nothing = zq.run(zq.read(*lines, weights=b"", source=source), 0 * x)
    assert nothing.shape == (0, 7, 1, 1)
    marked = zq.run(zq.read(*lines, weights=b"", source=source, compat="zqcnn"), 0 * x)
    assert marked[:, 0].ravel().tolist() == [-1]
    zq.fails("in DetectionOutputMxnet of layer 'd'", *lines[:3], lines[3][:72], source=source)
