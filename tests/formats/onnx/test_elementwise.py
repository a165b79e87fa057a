"""Arithmetic, activations and normalisation of ONNX models, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader

SHAPES = [(4,), (2, 5), (2, 3, 4), (2, 3, 4, 5), (1, 6, 2, 3), (2, 3, 2, 2, 2)]


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 2


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_arithmetic_with_a_constant_that_broadcasts(models, data):
    shape = data.draw(st.sampled_from(SHAPES))
    rank = data.draw(st.integers(0, len(shape)))
    constant = values(
        [data.draw(st.sampled_from([1, size])) for size in shape[len(shape) - rank :]]
    )
    op_type = data.draw(st.sampled_from(["Add", "Sub", "Mul", "Div"]))
    swapped = op_type != "Div" and data.draw(st.booleans())
    operands = ["c", "x"] if swapped else ["x", "c"]
    x = values(shape, 1)
    opset = data.draw(st.sampled_from([7, 13, 14]))
    models.compare(models.one(op_type, x, {"c": constant}, opset, operands=operands), {"x": x})


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_arithmetic_of_values(models, data):
    shape = data.draw(st.sampled_from(SHAPES))
    other = tuple(data.draw(st.sampled_from([1, size])) for size in shape)
    other = other[data.draw(st.integers(0, len(other) - 1)) :]
    kinds = ["Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Mean"]
    op_type = data.draw(st.sampled_from(kinds))
    inputs = {"a": values(shape), "b": np.abs(values(other, 1)) + 1}
    node = helper.make_node(op_type, ["a", "b"], ["y"])
    models.compare(models.bytes([node], inputs), inputs)


@pytest.mark.parametrize("op_type", ["Sum", "Max", "Min", "Mean"])
@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_values(models, op_type, count):
    inputs = {f"v{k}": values((2, 3, 4, 5), k) for k in range(count)}
    node = helper.make_node(op_type, list(inputs), ["y"])
    models.compare(models.bytes([node], inputs), inputs)


@pytest.mark.parametrize("op_type", ["Max", "Min"])
@pytest.mark.parametrize("bound", [0.0, -0.5, 3.0])
def test_a_bound_by_a_constant(models, op_type, bound):
    x = values((2, 3, 4, 5))
    made = models.one(op_type, x, {"c": np.float32([bound])}, operands=["c", "x"])
    models.compare(made, {"x": x})


ACTIVATIONS = [
    ("Relu", {}),
    ("LeakyRelu", {}),
    ("LeakyRelu", {"alpha": 0.3}),
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("Elu", {}),
    ("Elu", {"alpha": 0.7}),
    ("HardSigmoid", {}),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.1}),
    ("HardSwish", {}),
    ("Abs", {}),
    ("Exp", {}),
    ("Neg", {}),
    ("Identity", {}),
    ("Dropout", {}),
]


@pytest.mark.parametrize(("op_type", "attributes"), ACTIVATIONS)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)])
def test_functions_of_one_element(models, op_type, attributes, shape):
    x = values(shape)
    models.compare(models.one(op_type, x, opset=14, **attributes), {"x": x})


@pytest.mark.parametrize("op_type", ["Log", "Sqrt", "Reciprocal"])
def test_functions_of_positive_elements(models, op_type):
    x = np.abs(values((2, 3, 4, 5))) + 0.1
    models.compare(models.one(op_type, x), {"x": x})


@pytest.mark.parametrize("bounds", [{}, {"min": 0.0, "max": 6.0}, {"min": -0.5}, {"max": 0.25}])
def test_clip_in_both_forms(models, bounds):
    x = values((2, 3, 4, 5))
    models.compare(models.one("Clip", x, opset=7, **bounds), {"x": x})
    constants = {name: np.float32(value) for name, value in bounds.items()}
    operands = ["x", "min" if "min" in bounds else "", "max" if "max" in bounds else ""]
    made = models.one("Clip", x, constants, opset=13, operands=operands)
    models.compare(made, {"x": x})


@pytest.mark.parametrize(
    ("shape", "slope"),
    [
        ((2, 3, 4, 5), (3, 1, 1)),
        ((2, 3, 4, 5), (1, 3, 1, 1)),
        ((2, 3, 4, 5), (1,)),
        ((2, 3, 4, 5), (1, 1, 1)),
        ((2, 3, 4, 5), (5,)),
        ((2, 3, 4, 5), (3, 4, 5)),
        ((2, 3, 4, 5), (4, 1)),
        ((2, 6), (6,)),
        ((2, 6), (1, 6)),
        ((2, 6, 3), (6, 1)),
        ((2, 6, 3), (3,)),
    ],
)
def test_prelu_slopes(models, shape, slope):
    x = values(shape)
    models.compare(models.one("PRelu", x, {"slope": values(slope, 1)}), {"x": x})


def test_a_flat_prelu_slope_of_the_channels_is_taken_as_theirs(models):
    x, slope = values((2, 3, 4, 5)), values((3,), 1)
    flat = reader.read(models.one("PRelu", x, {"slope": slope}))
    full = reader.read(models.one("PRelu", x, {"slope": slope.reshape(3, 1, 1)}))
    have, want = models.ours(flat, {"x": x}), models.ours(full, {"x": x})
    np.testing.assert_array_equal(have["y"], want["y"])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_softmax_by_the_rule_of_its_opset(models, data):
    shape = data.draw(
        st.sampled_from([(4,), (2, 5), (2, 1, 4), (2, 3, 4), (2, 3, 4, 5), (2, 3, 1, 1)])
    )
    opset = data.draw(st.sampled_from([7, 11, 12, 13, 22]))
    lowest = 0 if opset < 11 else -len(shape)
    attributes = {}
    if len(shape) == 1 or data.draw(st.booleans()):
        attributes["axis"] = data.draw(st.integers(lowest, len(shape) - 1))
    x = values(shape)
    free = data.draw(st.sampled_from([(), (0,)]))
    models.compare(models.one("Softmax", x, opset=opset, free=free, **attributes), {"x": x})


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (2, 3, 4, 5)])
def test_batch_normalization(models, opset, shape):
    x = values(shape)
    constants = {name: values((3,), k) for k, name in enumerate(("scale", "bias", "mean"))}
    constants["variance"] = np.abs(values((3,), 9)) + 0.1
    made = models.one("BatchNormalization", x, constants, opset, epsilon=1e-3, momentum=0.8)
    models.compare(made, {"x": x})


def test_lp_normalization(models):
    x = values((2, 3, 4, 5))
    models.compare(models.one("LpNormalization", x, axis=1, p=2), {"x": x})


@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("trans", [0, 1])
@pytest.mark.parametrize("bias", [None, (), (1,), (4,), (1, 4)])
def test_gemm(models, opset, trans, bias):
    x = values((3, 6))
    constants = {"b": values((4, 6) if trans else (6, 4), 1)}
    if bias is not None:
        constants["c"] = values(bias, 2)
    elif opset < 11:
        constants["c"] = np.zeros(4, np.float32)
    made = models.one("Gemm", x, constants, opset, (0,), transB=trans, alpha=0.5, beta=2.0)
    models.compare(made, {"x": x})


@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (2, 3, 4, 6)])
@pytest.mark.parametrize("bias", [None, (5,), (1, 5), (1,), (1, 1, 1, 1, 5)])
def test_matmul_and_the_bias_after_it(models, shape, bias):
    x = values(shape)
    constants = {"w": values((6, 5), 1)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y" if bias is None else "product"])]
    if bias is not None:
        constants["b"] = values(bias, 2)
        nodes.append(helper.make_node("Add", ["b", "product"], ["y"]))
    made = models.bytes(nodes, {"x": x}, constants)
    if bias is not None and len(bias) > len(shape):
        with pytest.raises(FormatError, match="broadcasts"):
            reader.read(made)
        return
    graph = models.compare(made, {"x": x})
    if bias == (5,) and len(shape) < 4:
        assert [type(node.op).__name__ for node in graph.nodes] == ["Dense"]


def test_a_product_that_is_an_output_keeps_its_own_node(models):
    x = values((3, 6))
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["y"]),
    ]
    constants = {"w": values((6, 5), 1), "b": values((5,), 2)}
    models.compare(models.bytes(nodes, {"x": x}, constants, outputs=("y", "product")), {"x": x})


def test_weights_used_twice_are_shared(models):
    x = values((2, 3, 5, 5))
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w", "b"], ["y"]),
    ]
    constants = {"w": values((3, 3, 3, 3), 1), "b": values((3,), 2)}
    graph = models.compare(models.bytes(nodes, {"x": x}, constants), {"x": x})
    first, second = graph.nodes
    assert first.weights["weight"] is second.weights["weight"]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_float_types_are_taken_as_float32(models, dtype):
    x = values((2, 3))
    kernel = values((3, 4), 1).astype(dtype)
    have = models.ours(reader.read(models.one("MatMul", x, {"w": kernel})), {"x": x})["y"]
    np.testing.assert_allclose(have, x @ kernel.astype(np.float32), rtol=1e-5)
