"""Concat, Permute, Flatten, Reshape, UpSampling."""

import numpy as np
import pytest

from zqcnn_xp.ops.upsample import Upsample

X = np.arange(2 * 3 * 8 * 10, dtype=np.float32).reshape(2, 3, 8, 10)


def line(kind, keys=""):
    return f"{kind} name=l bottom=x top=y {keys}"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (line("Permute", "order=0 order=2 order=3 order=1"), X.transpose(0, 2, 3, 1)),
        (line("Flatten", "axis=1"), X.reshape(2, 240, 1, 1)),
        (line("Flatten"), X.reshape(2, 240, 1, 1)),
        (line("Flatten", "axis=1 end_axis=2"), X.reshape(2, 24, 10, 1)),
        (line("Flatten", "axis=-2 end_axis=-1"), X.reshape(2, 3, 80, 1)),
        (line("Reshape", "dim=0 dim=-1 dim=2 dim=1"), X.reshape(2, 120, 2, 1)),
        (line("Reshape", "dim=0 dim=24 dim=1"), X.reshape(2, 24, 1, 10)),
        (line("Reshape", "dim=-1 dim=4 axis=1"), X.reshape(2, 6, 4, 10)),
        (line("Reshape", "dim=4 dim=6 axis=1 num_axes=2"), X.reshape(2, 4, 6, 10)),
        (line("Concat", "bottom=x"), np.concatenate([X, X], axis=1)),
        (line("Concat", "bottom=x bottom=x axis=2"), np.concatenate([X, X, X], axis=2)),
    ],
)
def test_values(zq, text, want):
    np.testing.assert_array_equal(zq.run(zq.read(text), X), want)


def test_reshape_num_axes_as_the_original(zq):
    # num_axes=1 takes two values there.
    text = line("Reshape", "dim=4 dim=6 dim=99 axis=1 num_axes=1")
    found = zq.run(zq.read(text, compat="zqcnn"), X)
    assert found.shape == (2, 4, 6, 10)
    zq.fails("3 dim= with num_axes=1, expected 1 dim=", text)


@pytest.mark.parametrize(
    ("keys", "want"),
    [
        ("sample_type=nearest scale_h=2 scale_w=3", Upsample("nearest", scale=(2.0, 3.0))),
        ("sample_type=1 dst_h=24.000000 dst_w=7", Upsample("bilinear", size=(24, 7))),
        (
            "sample_type=0 dst_h=4 dst_w=7 align_type=center",
            Upsample("nearest", "center", size=(4, 7)),
        ),
        (
            "sample_type=bilinear dst_h=4 dst_w=7 align_type=0",
            Upsample("bilinear", "center", size=(4, 7)),
        ),
        (
            "sample_type=bilinear dst_h=4 dst_w=7 align_type=1",
            Upsample("bilinear", "corner", size=(4, 7)),
        ),
    ],
)
def test_upsampling(zq, keys, want):
    assert zq.op(line("UpSampling", keys)) == want


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (line("Permute", "order=0 order=1 order=2"), "order=0,1,2, expected four order="),
        (line("Permute", "order=0 order=1 order=2 order=2"), "order=0,1,2,2"),
        (line("Permute", "order=0 order=1 order=2 order=4"), "order=0,1,2,4"),
        (line("Permute"), "order="),
        (line("Flatten", "axis=3 end_axis=1"), "in Flatten of layer 'l'"),
        (line("Flatten", "axis=9"), "axes 9 to -1"),
        (line("Reshape"), "dim=none"),
        (line("Reshape", "dim=1 dim=1 dim=1 dim=1 dim=1"), "one to 4 sizes"),
        (line("Reshape", "dim=-1 dim=-1"), "at most one of them negative"),
        (line("Reshape", "dim=7"), "in Reshape of layer 'l'"),
        (line("Reshape", "dim=2 axis=4"), "from axis 4"),
        (line("Concat"), "1 bottoms of Concat 'l', expected at least 2"),
        (line("Concat", "bottom=x axis=4"), "axis 4"),
        (line("UpSampling", "scale_h=2 scale_w=2"), "without 'sample_type'"),
        (line("UpSampling", "sample_type=nearest"), "no size, expected either scale_h"),
        (line("UpSampling", "sample_type=nearest scale_h=2 dst_h=2"), "both scale_h"),
        (line("UpSampling", "sample_type=nearest scale_h=2"), "without 'scale_w'"),
        (line("UpSampling", "sample_type=nearest scale_h=2 scale_w=-2"), "positive numbers"),
        (
            line("UpSampling", "sample_type=nearest scale_h=2e9 scale_w=2e9"),
            r"Limits\.max_elements",
        ),
        (line("UpSampling", "sample_type=nearest dst_h=0 dst_w=2"), "dst_h=0"),
        (line("UpSampling", "sample_type=cubic dst_h=1 dst_w=2"), "sample_type=cubic"),
        (line("UpSampling", "sample_type=0 align_type=edge dst_h=1 dst_w=2"), "align_type=edge"),
    ],
)
def test_what_is_refused(zq, text, match):
    assert zq.fails(match, text).where == "line 2"
