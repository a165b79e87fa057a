"""Ops on axes and sizes of ONNX models, and the shape arithmetic that folds away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from zqcnn_xp import FormatError, ShapeError
from zqcnn_xp.formats.onnx import reader


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def node(op_type, inputs, outputs, **attributes):
    return helper.make_node(op_type, inputs, outputs, **attributes)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_transpose(models, data):
    rank = data.draw(st.integers(1, 5))
    x = values((2, 3, 4, 5, 2)[:rank])
    attributes = {}
    if data.draw(st.booleans()):
        attributes["perm"] = data.draw(st.permutations(range(rank)))
    models.compare(models.one("Transpose", x, free=(0, 2), **attributes), {"x": x})


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_flatten_at_every_axis(models, shape):
    x = values(shape)
    for axis in range(-len(shape), len(shape) + 1):
        models.compare(models.one("Flatten", x, free=(0,), axis=axis), {"x": x})


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((2, 12, 5, 5), (0, -1)),
        ((2, 12, 5, 5), (2, 3, 4, 25)),
        ((2, 12, 5, 5), (-1, 25)),
        ((2, 12, 5, 5), (0, 0, -1)),
        ((2, 12, 5, 5), (0, -1, 2, 5)),
        ((2, 12), (2, 3, 2, 2)),
        ((1, 8, 2, 3), (1, -1, 4)),
        ((6,), (2, 3)),
    ],
)
@pytest.mark.parametrize("opset", [7, 14])
def test_reshape(models, shape, dims, opset):
    x = values(shape)
    models.compare(models.one("Reshape", x, {"dims": np.int64(dims)}, opset), {"x": x})


def test_reshape_with_free_sizes(models):
    x = values((2, 4, 6, 5))
    made = models.one("Reshape", x, {"dims": np.int64([0, 2, 2, -1])}, free=(0, 2, 3))
    graph = models.compare(made, {"x": x})
    assert graph.inputs[0].shape == (None, 4, None, None)


@pytest.mark.parametrize("opset", [7, 13])
@pytest.mark.parametrize("axes", [(0,), (1, -1), (2, 3)])
def test_unsqueeze_then_squeeze(models, opset, axes):
    x = values((3, 4))
    axes = tuple(axis for axis in axes if opset >= 11 or axis >= 0)
    constants = {"axes": np.int64(axes)} if opset >= 13 else {}
    given_axes = {} if opset >= 13 else {"axes": axes}
    nodes = [
        node("Unsqueeze", ["x", *constants], ["u"], **given_axes),
        node("Squeeze", ["u", *constants], ["y"], **given_axes),
    ]
    made = models.bytes(nodes, {"x": x}, constants, opset, outputs=("u", "y"), free=(0,))
    models.compare(made, {"x": x})


def test_squeeze_of_every_axis_of_size_one(models):
    x = values((3, 1, 4, 1))
    models.compare(models.one("Squeeze", x, free=(0,)), {"x": x})


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concat(models, axis):
    inputs = {"a": values((2, 3, 4, 5)), "b": values((2, 3, 4, 5), 1)}
    made = models.bytes([node("Concat", ["a", "b", "a"], ["y"], axis=axis)], inputs)
    models.compare(made, inputs)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_slice(models, data):
    shape = data.draw(st.sampled_from([(7,), (3, 5), (2, 3, 6, 5)]))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    bounds = st.sampled_from([-9, -2, 0, 1, 2, 4, 9, 2**31 - 1, 2**63 - 1])
    starts = [data.draw(bounds) for _ in axes]
    ends = [data.draw(bounds) for _ in axes]
    x = values(shape)
    if data.draw(st.booleans()):
        made = models.one("Slice", x, opset=9, axes=axes, starts=starts, ends=ends)
    else:
        steps = [data.draw(st.integers(1, 3)) for _ in axes]
        parts = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
        made = models.one("Slice", x, {k: np.int64(v) for k, v in parts.items()})
    models.compare(made, {"x": x})


@pytest.mark.parametrize("parts", [(2, 4), (3, 3), None])
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_split(models, parts, opset):
    x = values((2, 6, 3, 3))
    constants, attributes = {}, {"axis": 1}
    if parts is not None and opset >= 13:
        constants = {"parts": np.int64(parts)}
    elif parts is not None:
        attributes["split"] = parts
    elif opset >= 18:
        attributes["num_outputs"] = 2
    nodes = [node("Split", ["x", *constants], ["a", "b"], **attributes)]
    made = models.bytes(nodes, {"x": x}, constants, opset, outputs=("a", "b"))
    models.compare(made, {"x": x})


@pytest.mark.parametrize("op_type", ["Conv", "MaxPool", "AveragePool"])
@pytest.mark.parametrize("value", [0.0, 1.5])
@pytest.mark.parametrize("opset", [7, 11, 18])
def test_pad_before_a_window(models, op_type, value, opset):
    x = values((2, 3, 7, 6)) - 3
    pads = [0, 0, 1, 0, 0, 0, 2, 1]
    constants, attributes = {}, {}
    if opset < 11:
        attributes = {"pads": pads, "value": value}
    else:
        constants = {"pads": np.int64(pads), "value": np.float32(value)}
    nodes = [node("Pad", ["x", *constants], ["p"], **attributes)]
    if op_type == "Conv":
        nodes.append(node("Conv", ["p", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2]))
        constants["w"] = values((4, 3, 3, 3), 1)
    else:
        nodes.append(node(op_type, ["p"], ["y"], kernel_shape=[3, 3], strides=[2, 2]))
    graph = models.compare(models.bytes(nodes, {"x": x}, constants, opset), {"x": x})
    reads = graph.nodes[-1].inputs[0]
    assert reads == ("x" if value == 0.0 else "p")


def test_pad_of_other_axes(models):
    x = values((2, 3, 4))
    constants = {"pads": np.int64([1, 2]), "value": np.float32(3), "axes": np.int64([-1])}
    models.compare(models.one("Pad", x, constants, 18), {"x": x})


def shape_arithmetic(opset):
    """The nodes that exporters write for ``x.reshape(x.shape[0], -1, 4)``."""
    axes = {} if opset >= 13 else {"axes": [0]}
    zero = ["zero_axis"] if opset >= 13 else []
    return [
        node("Constant", [], ["place"], value=numpy_helper.from_array(np.int64(0))),
        node("Constant", [], ["zero_axis"], value=numpy_helper.from_array(np.int64([0]))),
        node("Constant", [], ["rest"], value=numpy_helper.from_array(np.int64([-1]))),
        node("Constant", [], ["four"], value=numpy_helper.from_array(np.int64([4]))),
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "place"], ["batch"], axis=0),
        node("Unsqueeze", ["batch", *zero], ["batch1"], **axes),
        node("Concat", ["batch1", "rest", "four"], ["dims"], axis=0),
        node("Reshape", ["x", "dims"], ["y"]),
    ]


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("free", [(), (0,), (0, 2, 3)])
def test_shape_arithmetic_folds_into_a_reshape(models, opset, free):
    x = values((2, 4, 6, 5))
    made = models.bytes(shape_arithmetic(opset), {"x": x}, opset=opset, free=free)
    graph = models.compare(made, {"x": x})
    assert [type(n.op).__name__ for n in graph.nodes] == ["Reshape"]
    assert graph.nodes[0].op.dims == ((0, -1, 4) if 2 in free else (0, 30, 4))


def test_a_batch_of_one_is_lifted_where_samples_stay_apart(models):
    x = values((1, 4, 6, 5))
    made = models.bytes(shape_arithmetic(13), {"x": x}, opset=13)
    graph = reader.read(made)
    assert graph.inputs[0].shape == (None, 4, 6, 5)
    assert graph.inputs[0].nominal == (1, 4, 6, 5)
    batch = values((3, 4, 6, 5), 7)
    want = [models.reference(made, {"x": sample[None]})["y"] for sample in batch]
    np.testing.assert_array_equal(models.ours(graph, {"x": batch})["y"], np.concatenate(want))


def test_a_batch_of_one_stays_where_samples_mix(models):
    x = values((1, 4))
    made = models.one("Reshape", x, {"dims": np.int64([4, 1])})
    assert reader.read(made).inputs[0].shape == (1, 4)


RESIZES = [
    ("nearest", "asymmetric", "floor"),
    ("nearest", "asymmetric", "round_prefer_ceil"),
    ("nearest", "half_pixel", "round_prefer_floor"),
    ("nearest", "half_pixel", "ceil"),
    ("linear", "asymmetric", "floor"),
    ("linear", "half_pixel", "round_prefer_floor"),
    ("linear", "pytorch_half_pixel", "round_prefer_floor"),
    ("linear", "align_corners", "floor"),
]


@pytest.mark.parametrize(("mode", "transform", "rounding"), RESIZES)
@pytest.mark.parametrize("target", ["scales", "sizes"])
def test_resize(models, mode, transform, rounding, target):
    x = values((2, 3, 4, 6))
    constants = {"roi": np.zeros(0, np.float32)}
    constants["scales"] = np.float32([1, 1, 2, 1.5] if target == "scales" else [])
    if target == "sizes":
        constants["sizes"] = np.int64([2, 3, 9, 6])
    made = models.one(
        "Resize", x, constants, 13, mode=mode, coordinate_transformation_mode=transform,
        nearest_mode=rounding,
    )  # fmt: skip
    models.compare(made, {"x": x})


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample_of_older_opsets(models, mode):
    x = values((2, 3, 4, 6))
    made = models.one("Upsample", x, opset=7, mode=mode, scales=[1.0, 1.0, 2.0, 2.0])
    models.compare(made, {"x": x})
    constants = {"scales": np.float32([1, 1, 2, 2])}
    models.compare(models.one("Upsample", x, constants, 9, (2, 3), mode=mode), {"x": x})
    models.compare(models.one("Resize", x, constants, 10, (2, 3), mode=mode), {"x": x})


def test_resize_to_the_size_of_another_value(models):
    x = values((1, 3, 8, 12))
    nodes = [
        node("MaxPool", ["x"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["x"], ["shape"]),
        node("Resize", ["small", "", "", "shape"], ["y"], mode="nearest"),
    ]
    models.compare(models.bytes(nodes, {"x": x}), {"x": x})
    # At any other size the ratio is not 2: not one Upsample for all sizes.
    with pytest.raises(FormatError, match=r"Resize.*free input size"):
        reader.read(models.bytes(nodes, {"x": x}, free=(2, 3)))


def test_a_network_that_wants_even_sizes(models):
    nodes = [
        node("MaxPool", ["x"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["small", "", "scales"], ["large"], mode="nearest"),
        node("Add", ["x", "large"], ["y"]),
    ]
    x = values((1, 3, 8, 12))
    made = models.bytes(nodes, {"x": x}, {"scales": np.float32([1, 1, 2, 2])}, free=(2, 3))
    graph = models.compare(made, {"x": x})
    with pytest.raises(ShapeError, match="broadcast"):
        graph.shapes({"x": (1, 3, 7, 12)})


def test_padding_computed_from_the_size_is_refused_where_the_size_is_free(models):
    # Zeros up to the next multiple of 32: none at all at some sizes, which must mislead no one.
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "axes"], ["sizes"]),
        node("Div", ["sizes", "even"], ["whole"]),
        node("Mul", ["whole", "even"], ["below"]),
        node("Sub", ["sizes", "below"], ["rest"]),
        node("Concat", ["zeros", "rest"], ["pads"], axis=0),
        node("Pad", ["x", "pads"], ["y"]),
    ]
    constants = {"axes": np.int64([2, 3]), "even": np.int64([32]), "zeros": np.int64([0] * 6)}
    x = values((1, 3, 32, 40))
    models.compare(models.bytes(nodes, {"x": x}, constants), {"x": x})
    with pytest.raises(FormatError, match=r"Pad.*free input size"):
        reader.read(models.bytes(nodes, {"x": x}, constants, free=(2, 3)))
