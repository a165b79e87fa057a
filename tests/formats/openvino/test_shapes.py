"""Ops that move, rename, take, repeat or add cells, against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import FormatError

SHAPE = (2, 4, 5, 6)


def values(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(net, kind, constants=(), data=None, version="opset1", outputs=1, shape=SHAPE):
    made = net()
    inputs = [made.parameter(shape), *(made.const(np.asarray(array)) for array in constants)]
    layer = made.layer(kind, inputs, data, version, outputs)
    for output in range(outputs):
        made.result((layer, output))
    return made


def ints(*numbers):
    return np.int64(numbers)


CASES = {
    "reshape": ("Reshape", [ints(0, -1, 3)], {"special_zero": "true"}),
    "reshape plainly": ("Reshape", [ints(2, -1)], {"special_zero": "false"}),
    "squeeze": ("Squeeze", [ints(1, -1)], {}, "opset1", 1, (2, 1, 3, 1)),
    "squeeze all": ("Squeeze", [], {}, "opset1", 1, (2, 1, 3, 1)),
    "unsqueeze": ("Unsqueeze", [ints(1, -1)], {}, "opset1", 1, (2, 3)),
    "transpose": ("Transpose", [ints(0, 2, 3, 1)]),
    "transpose reversed": ("Transpose", [np.zeros(0, np.int64)]),
    "split": ("Split", [np.int64(1)], {"num_splits": 2}, "opset1", 2),
    "variadic": ("VariadicSplit", [np.int64(3), ints(1, -1, 2)], {}, "opset1", 3),
    "gather": ("Gather", [ints(3, 0, 1), np.int64(1)], {"batch_dims": 0}, "opset8"),
    "gather one": ("Gather", [np.int64(-1), np.int64(2)], {"batch_dims": 0}, "opset8"),
    "pad": ("Pad", [ints(0, 1, 2, 0), ints(0, 0, 1, 3), np.float32(0.5)], {"pad_mode": "constant"}),
    "to space": ("DepthToSpace", [], {"mode": "blocks_first", "block_size": 2}),
    "to space, depth first": ("DepthToSpace", [], {"mode": "depth_first", "block_size": 2}),
    "to depth": ("SpaceToDepth", [], {"mode": "blocks_first", "block_size": 2}, "opset1", 1,
                 (2, 4, 6, 6)),
    "to depth, depth first": ("SpaceToDepth", [], {"mode": "depth_first", "block_size": 2},
                              "opset1", 1, (2, 4, 6, 6)),
    "tile": ("Tile", [ints(1, 2, 1, 3)]),
    "broadcast": ("Broadcast", [ints(2, 4, 5, 6)], {"mode": "numpy"}, "opset3", 1, (2, 1, 5, 1)),
    "slice": ("Slice", [ints(1, 0), ints(3, 99), ints(1, 2), ints(1, -1)], {}, "opset8"),
    "strided": ("StridedSlice", [ints(0, 1, 0, 0), ints(0, 3, 4, 0), ints(1, 1, 2, 1)],
                {"begin_mask": "1,0,0,1", "end_mask": "1,0,0,1", "new_axis_mask": "0,0,0,0",
                 "shrink_axis_mask": "0,0,0,0", "ellipsis_mask": "0,0,0,0"}),
    "strided, dropped": ("StridedSlice", [ints(0, -1), ints(2, 0), ints(1, 1)],
                         {"begin_mask": "0,0", "end_mask": "0,0", "new_axis_mask": "",
                          "shrink_axis_mask": "0,1", "ellipsis_mask": ""}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_equals_openvino(net, case):
    made = one(net, *CASES[case])
    made.compare(x=values(CASES[case][5] if len(CASES[case]) > 5 else SHAPE))


def test_concat(net):
    made = net()
    inputs = [made.parameter((2, 3, 4, 5)), made.parameter((2, 1, 4, 5), "z")]
    made.result(made.layer("Concat", inputs, {"axis": "-3"}))
    made.compare(x=values((2, 3, 4, 5)), z=values((2, 1, 4, 5), 1))


def test_arithmetic_on_shapes_folds_at_any_size(net):
    """(N, C, H, W) to (N, C * H * W) by way of ShapeOf, Gather, Convert, ReduceProd and Concat."""
    made = net()
    x = made.parameter((None, 3, None, None))
    shape = made.layer("ShapeOf", [x], {"output_type": "i32"}, "opset3")
    zero = made.const(np.int64(0))
    batch = made.layer("Gather", [shape, made.const(ints(0)), zero], {}, "opset8")
    masks = {"begin_mask": "0", "end_mask": "1", "new_axis_mask": "0", "shrink_axis_mask": "0",
             "ellipsis_mask": "0"}  # fmt: skip
    edges = [made.const(ints(1)), made.const(ints(0)), made.const(ints(1))]
    rest = made.layer("StridedSlice", [shape, *edges], masks)
    count = made.layer("ReduceProd", [rest, zero], {"keep_dims": "true"})
    both = made.layer("Concat", [batch, count], {"axis": "0"})
    wide = made.layer("Convert", [both], {"destination_type": "i64"})
    made.result(made.layer("Reshape", [x, wide], {"special_zero": "true"}))
    made.compare(x=values((2, 3, 4, 5)))
    assert [node.op.dims for node in made.graph().nodes] == [(0, -1)]


@pytest.mark.parametrize(
    ("kind", "constants", "data", "detail"),
    [
        ("Reshape", [ints(7, 7)], {}, "sizes"),
        ("Reshape", [np.float32([1, 2])], {}, "integers"),
        ("Squeeze", [ints(1)], {}, "size 1"),
        ("Unsqueeze", [ints(9)], {}, "axis 9"),
        ("Transpose", [ints(0, 1)], {}, "2 dimensions"),
        ("Split", [np.int64(1)], {"num_splits": 3}, "parts"),
        ("VariadicSplit", [np.int64(1), ints(1, 1)], {}, "parts"),
        ("Gather", [ints(9), np.int64(1)], {}, "cells"),
        ("Gather", [ints(1), np.int64(1)], {"batch_dims": 1}, "batch_dims"),
        ("Pad", [ints(0, 0), ints(0, 0)], {"pad_mode": "constant"}, "pads"),
        ("Pad", [ints(0, 0, 1, 1)] * 2, {"pad_mode": "reflect"}, "'pad_mode'"),
        ("Pad", [ints(0, 0, -1, 1)] * 2, {"pad_mode": "constant"}, "pads"),
        ("Slice", [ints(0), ints(3), ints(-1), ints(1)], {}, "step"),
        ("StridedSlice", [ints(0), ints(3), ints(1)], {"new_axis_mask": "1"}, "new_axis_mask"),
        ("StridedSlice", [ints(0), ints(3), ints(1)], {"begin_mask": "2"}, "'begin_mask'"),
        ("Concat", [], {}, "'axis'"),
        ("DepthToSpace", [], {"block_size": 3, "mode": "blocks_first"}, "blocks"),
        ("Tile", [ints(1, 2)], {}, "repeats"),
    ],
)
def test_refusals_name_the_layer(net, kind, constants, data, detail):
    with pytest.raises(FormatError, match=rf"layer .*\({kind}\).*{detail}"):
        one(net, kind, constants, data).graph()
