"""Convolution, depthwise convolution, pooling and inner product."""

import numpy as np
import pytest

from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D

CONV = "Convolution name=c bottom=x top=y num_output=4"
DW = "DepthwiseConvolution name=c bottom=x top=y num_output=3"
POOL = "Pooling name=p bottom=x top=y"
RNG = np.random.default_rng(3)


def test_keys_of_a_convolution(zq):
    found = zq.op(CONV + " kernel_H=3 kernel_W=2 stride_H=2 stride_W=1 dilate_H=1 dilate_W=3 bias")
    assert found == Conv2D(4, (3, 2), (2, 1), (1, 3), (0, 0, 0, 0), bias=True)
    assert zq.op(CONV + " kernel_size=3").bias is False
    assert zq.op(CONV + " kernel_size=3 bias=0").bias is False
    assert zq.op(DW + " kernel_size=3 bias=1") == Conv2D(3, (3, 3), groups=3, bias=True)


@pytest.mark.parametrize(
    ("keys", "pads"),
    [
        ("pad=2", (2, 2, 2, 2)),
        ("pad_H=1 pad_W=2", (1, 1, 2, 2)),
        ("pad_H_top=1 pad_H_bottom=2 pad_W_left=3 pad_W_right=4", (1, 2, 3, 4)),
        ("pad=1 pad_W_right=0", (1, 1, 1, 0)),
        ("pad_W_right=0 pad=1", (1, 1, 1, 1)),
        ("pad=1 pad_type=VALID", (0, 0, 0, 0)),
        ("pad=1 pad_type=same", "same_upper"),
    ],
)
def test_pads(zq, keys, pads):
    assert zq.op(f"{CONV} kernel_size=3 {keys}").pads == pads
    assert zq.op(f"{POOL} kernel_size=3 stride=1 {keys}").pads == pads


@pytest.mark.parametrize(
    ("source", "keys", "pads"),
    [
        ("C=3 H=112 W=112", "kernel_size=3 stride=2", (0, 1, 0, 1)),
        ("C=3 H=7 W=9", "kernel_size=3 stride=2", (0, 0, 0, 0)),  # TensorFlow's: 1, 1, 1, 1
        ("C=3 H=8 W=9", "kernel_size=5 stride=1", (2, 2, 2, 2)),
        ("C=3 H=9 W=9", "kernel_size=3 stride=1 dilate=2", (2, 2, 2, 2)),
        ("C=3 H=9 W=9", "kernel_size=4 stride=1", (1, 2, 1, 2)),
    ],
)
def test_compat_freezes_same_by_the_floor_rule(zq, source, keys, pads):
    line = f"{CONV} {keys} pad_type=SAME"
    assert zq.op(line, source=source, compat="zqcnn").pads == pads
    assert zq.op(line, source=source).pads == "same_upper"


def test_compat_cannot_freeze_without_a_declared_size(zq):
    line = f"{CONV} kernel_size=3 pad_type=SAME"
    error = zq.fails("declares no H and W", line, source="C=3", compat="zqcnn")
    assert error.where == "line 2"
    assert zq.op(line, source="C=3").pads == "same_upper"


def test_convolution_reads_weights_in_file_order(zq):
    weight, bias = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32), np.float32([1, 2, 3, 4])
    data = zq.floats(weight, bias)
    graph = zq.read(CONV + " kernel_H=3 kernel_W=2 bias", weights=data)
    x = RNG.normal(size=(1, 3, 8, 10)).astype(np.float32)
    found = zq.run(graph, x)
    patch = x[0, :, 2:5, 4:6]
    want = (weight * patch).sum(axis=(1, 2, 3)) + bias
    np.testing.assert_allclose(found[0, :, 2, 4], want, rtol=1e-5)


def test_depthwise_reads_weights_in_file_order(zq):
    weight = RNG.normal(size=(3, 3, 2)).astype(np.float32)
    graph = zq.read(DW + " kernel_H=3 kernel_W=2", weights=zq.floats(weight))
    x = RNG.normal(size=(2, 3, 8, 10)).astype(np.float32)
    want = (weight * x[1, :, 2:5, 4:6]).sum(axis=(1, 2))
    np.testing.assert_allclose(zq.run(graph, x)[1, :, 2, 4], want, rtol=1e-4)


def test_inner_product_reads_weights_in_file_order(zq):
    weight, bias = RNG.normal(size=(5, 3, 8, 10)).astype(np.float32), np.arange(5)
    line = "InnerProduct name=i bottom=x top=y num_output=5 bias"
    graph = zq.read(line, weights=zq.floats(weight, bias))
    assert graph.nodes[0].op == Dense(5)
    x = RNG.normal(size=(2, 3, 8, 10)).astype(np.float32)
    found = zq.run(graph, x)
    assert found.shape == (2, 5, 1, 1)
    want = x.reshape(2, -1) @ weight.reshape(5, -1).T + bias
    np.testing.assert_allclose(found[:, :, 0, 0], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("word", "kind"), [("MAX", "max"), ("0", "max"), ("ave", "average")])
def test_pooling_kinds(zq, word, kind):
    assert zq.op(f"{POOL} kernel_size=2 stride=2 pool={word}").kind == kind
    assert zq.op(f"{POOL} kernel_size=2 stride=2").kind == "max"


def test_pooling_rules(zq):
    line = POOL + " kernel_size=3 stride=2 pad=1"
    assert zq.op(line) == Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True, clip_last=True)
    compat = Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True, pad_value="zero")
    assert zq.op(line, compat="zqcnn") == compat
    same = POOL + " kernel_size=3 stride=2 pool=AVG pad_type=SAME"
    assert zq.op(same) == Pool2D("average", (3, 3), (2, 2), "same_upper", count="valid")
    assert zq.op(same, compat="zqcnn").ceil


def test_padding_competes_in_a_maximum_in_compat_only(zq):
    x = np.full((1, 3, 8, 10), -5, np.float32)
    line = POOL + " kernel_size=3 stride=2 pad=1"
    assert zq.run(zq.read(line), x)[0, 0, 0, 0] == -5
    assert zq.run(zq.read(line, compat="zqcnn"), x)[0, 0, 0, 0] == 0


def test_the_window_count_is_rounded_up(zq):
    line = POOL + " kernel_size=3 stride=2"
    assert zq.read(line).shapes({"x": (1, 3, 8, 10)})["y"] == (1, 3, 4, 5)


def test_global_pooling(zq):
    graph = zq.read(POOL + " global_pool pool=AVG")
    x = RNG.normal(size=(2, 3, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(zq.run(graph, x)[:, :, 0, 0], x.mean(axis=(2, 3)), atol=1e-6)
    shapes = {"x": (1, 3, 8, 10)}
    assert graph.muladds(shapes) == 3 * 8 * 10
    # The original counts the kernel that the line does not have: 3 x 3.
    assert zq.read(POOL + " global_pool", compat="zqcnn").muladds(shapes) == 3 * 9
    line = POOL + " global_pool kernel_size=5 stride=1"
    assert zq.read(line, compat="zqcnn").muladds(shapes) == 3 * 25


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (CONV, "without 'kernel_h', expected kernel_size="),
        (CONV + " kernel_H=3", "without 'kernel_w'"),
        (CONV + " kernel_size=0", "kernel_size=0, expected a whole number from 1"),
        (CONV + " kernel_size=-3", "kernel_size=-3"),
        (CONV + " kernel_size=3 stride=0", "stride=0"),
        (CONV + " kernel_size=3 dilate=0", "dilate=0"),
        (CONV + " kernel_size=3 pad=-1", "pad=-1"),
        (CONV + " kernel_size=3 pad_type=FULL", "pad_type=FULL, expected pad_type=SAME"),
        (CONV + " kernel_size=9", "8 cells .* in Conv2D of layer 'c', expected at least 9"),
        (CONV + " kernel_size=x", "kernel_size=x, expected a whole number"),
        (CONV.replace("4", "0") + " kernel_size=1", "num_output=0"),
        (CONV.replace("4", "-4") + " kernel_size=1", "num_output=-4"),
        (CONV.replace(" num_output=4", "") + " kernel_size=1", "without 'num_output'"),
        (CONV.replace("4", "2147483647") + " kernel_size=999", r"Limits\.max_elements"),
        (DW.replace("3", "4") + " kernel_size=1", "num_output=4 over 3 channels"),
        (POOL + " kernel_size=2", "without 'stride_h'"),
        (POOL + " stride=2", "without 'kernel_h'"),
        (POOL + " kernel_size=2 stride=2 pool=SUM", "pool=SUM"),
        (POOL + " global_pool=0", "global_pool=0, expected global_pool alone"),
        (POOL + " kernel_size=30 stride=1", "in Pool2D of layer 'p'"),
        (CONV + " kernel_size=1 pad=2147483647", r"Limits\.max_elements"),
    ],
)
def test_what_is_refused(zq, line, match):
    assert zq.fails(match, line).where == "line 2"


def test_an_enormous_num_output_is_refused_by_the_bytes_there_are(zq):
    line = CONV.replace("4", "2147483647") + " kernel_size=99"
    error = zq.fails("found 400 bytes", line, weights=b"\0" * 400)
    assert error.where == "byte 0"
