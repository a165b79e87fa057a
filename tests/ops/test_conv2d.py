"""Convolution against explicit loops and against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Activation, Conv2D, PReLU
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def same_upper(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The SAME rule as TensorFlow's guide states it."""
    span = (kernel - 1) * dilation + 1
    outputs = int(np.ceil(size / stride))
    total = max((outputs - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def plain(op: Conv2D, w: dict, x: np.ndarray) -> np.ndarray:
    """One output cell after the other, in float64."""
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation
    if op.pads == "same_upper":
        top, bottom = same_upper(x.shape[2], kh, sh, dh)
        left, right = same_upper(x.shape[3], kw, sw, dw)
    else:
        top, bottom, left, right = op.pads
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows = (x.shape[2] - ((kh - 1) * dh + 1)) // sh + 1
    columns = (x.shape[3] - ((kw - 1) * dw + 1)) // sw + 1
    y = np.zeros((x.shape[0], op.out_channels, rows, columns))
    per_group = x.shape[1] // op.groups
    for o in range(op.out_channels):
        first = o // (op.out_channels // op.groups) * per_group
        for r in range(rows):
            for c in range(columns):
                for i in range(kh):
                    for j in range(kw):
                        cells = x[:, first : first + per_group, r * sh + i * dh, c * sw + j * dw]
                        y[:, o, r, c] += cells @ w["weight"][i, j, :, o]
        y[:, o] += w["bias"][o] if op.bias else 0
    return y


@st.composite
def cases(draw: st.DrawFn, batches: int = 0) -> tuple[Conv2D, tuple[int, ...]]:
    """An op and the shape of an input that it takes."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    per_group, out_per_group = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (3, 2)]))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride = draw(pair), draw(pair)
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    pads = draw(st.one_of(st.just("same_upper"), st.tuples(*[st.integers(0, 2)] * 4)))
    op = Conv2D(groups * out_per_group, kernel, stride, dilation, pads, groups, draw(st.booleans()))
    height, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    shape = (draw(st.integers(batches, 2)), groups * per_group, height, width)
    try:
        op.infer(shape)
    except ShapeError:
        assume(False)
    return op, shape


@given(cases(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_matches_explicit_loops(case: tuple[Conv2D, tuple[int, ...]], seed: int) -> None:
    op, shape = case
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=("numpy", "array_api_strict"))


@given(cases(batches=1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_matches_onnx_runtime(run_onnx, case: tuple[Conv2D, tuple[int, ...]], seed: int) -> None:
    op, shape = case

    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        options = {"auto_pad": "SAME_UPPER"}
        if op.pads != "same_upper":
            top, bottom, left, right = op.pads
            options = {"pads": [top, left, bottom, right]}
        elif op.dilation != (1, 1):
            # ONNX Runtime refuses the rule with dilation, so it gets the pads in numbers.
            sides = [
                same_upper(x.shape[2 + a], op.kernel[a], op.stride[a], op.dilation[a])
                for a in (0, 1)
            ]
            options = {"pads": [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]}
        kernel = np.ascontiguousarray(w["weight"].transpose(3, 2, 0, 1))
        inputs = [x, kernel] + ([w["bias"]] if op.bias else [])
        return run_onnx(
            "Conv",
            *inputs,
            kernel_shape=op.kernel,
            strides=op.stride,
            dilations=op.dilation,
            group=op.groups,
            **options,
        )[0]

    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=expect, namespaces=("numpy",))


FIXED = {
    "plain": Conv2D(5, (3, 3)),
    "pointwise": Conv2D(5, (1, 1), bias=False),
    "strided, asymmetric pads": Conv2D(5, (3, 2), (2, 3), pads=(0, 2, 1, 0)),
    "same": Conv2D(5, (3, 3), (2, 2), pads="same_upper"),
    "dilated": Conv2D(5, (3, 3), dilation=(2, 1)),
    "depthwise": Conv2D(6, (3, 3), groups=6, pads=(1, 1, 1, 1)),
    "depthwise with a multiplier": Conv2D(12, (3, 3), groups=6),
    "grouped": Conv2D(4, (3, 3), groups=2),
}


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("batch", [0, 2])
def test_every_library(namespace: str, name: str, batch: int) -> None:
    op = FIXED[name]
    x = np.random.default_rng(0).standard_normal((batch, 6, 7, 8)).astype(np.float32)
    check_op(op, x, expect=lambda w, x: plain(op, w, x), namespaces=(namespace,))


@pytest.mark.parametrize("activation", [Activation("relu"), PReLU(), PReLU(shared=True)])
@pytest.mark.parametrize("groups", [1, 6])
def test_fused_activation_is_the_activation_of_the_result(activation, groups: int) -> None:
    op = Conv2D(6, (3, 3), groups=groups, activation=activation)
    bare = Conv2D(6, (3, 3), groups=groups)

    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        y = plain(bare, w, x)
        slope = w.get("slope", np.zeros(1))
        return np.where(y > 0, y, y * slope.reshape(1, -1, 1, 1))

    x = np.random.default_rng(1).standard_normal((2, 6, 5, 5)).astype(np.float32)
    check_op(op, x, expect=expect)


def test_multiply_adds_count_bias_and_a_fused_prelu() -> None:
    shape, cells = (1, 3, 12, 12), 10 * 10 * 10
    assert Conv2D(10, (3, 3), bias=False).muladds(shape) == cells * 27
    assert Conv2D(10, (3, 3)).muladds(shape) == cells * 28
    assert Conv2D(10, (3, 3), activation=PReLU()).muladds(shape) == cells * 31
    assert Conv2D(3, (3, 3), groups=3, bias=False).muladds(shape) == 3 * 10 * 10 * 9


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Conv2D(4, (3, 3)), (1, 3, 2, 9)),
        (Conv2D(4, (3, 3), dilation=(1, 5)), (1, 3, 9, 9)),
        (Conv2D(4, (1, 1), groups=2), (1, 3, 9, 9)),
        (Conv2D(3, (1, 1), groups=2), (1, 4, 9, 9)),
        (Conv2D(3, (1, 1)), (1, 4)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(op: Conv2D, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="Conv2D"):
        op.infer(shape)


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel": (0, 3)},
        {"stride": (0, 1)},
        {"dilation": (1, 0)},
        {"pads": (-1, 0, 0, 0)},
        {"pads": (1, 1)},
        {"groups": 0},
        {"out_channels": 0},
    ],
)
def test_bad_attributes_are_refused(attributes: dict) -> None:
    with pytest.raises(InputError, match="Conv2D: found"):
        Conv2D(**{"out_channels": 4, "kernel": (3, 3), **attributes})
