"""Reductions, powers, norms and products of computed values, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


KINDS = ["Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_reductions(models, data):
    shape = data.draw(st.sampled_from([(5,), (2, 5), (2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 2, 2)]))
    kind = data.draw(st.sampled_from(KINDS))
    axes = data.draw(st.none() | st.sets(st.integers(0, len(shape) - 1), min_size=1))
    listed = None if axes is None else [a - len(shape) if a % 2 else a for a in axes]
    opset = data.draw(st.sampled_from([11, 13, 18]))
    attributes = {"keepdims": data.draw(st.integers(0, 1))}
    constants = {}
    if listed is not None and (opset >= 18 or (kind == "Sum" and opset >= 13)):
        constants["axes"] = np.int64(listed)
    elif listed is not None:
        attributes["axes"] = listed
    x = values(shape)
    models.compare(models.one(f"Reduce{kind}", x, constants, opset, (0,), **attributes), {"x": x})


def test_empty_axes_may_mean_none(models):
    x = values((2, 3))
    made = models.one("ReduceSum", x, {"axes": np.int64([])}, 13, noop_with_empty_axes=1)
    models.compare(made, {"x": x})


@pytest.mark.parametrize("exponent", [1.0, 2.0, 0.5, 3.0, -1.5])
def test_powers(models, exponent):
    x = np.abs(values((2, 3, 4, 5))) + 0.1
    models.compare(models.one("Pow", x, {"e": np.float32(exponent)}), {"x": x})


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response(models, size):
    x = values((2, 7, 4, 5)) * 3
    made = models.one("LRN", x, size=size, alpha=0.5, beta=0.6, bias=1.5)
    models.compare(made, {"x": x})


@pytest.mark.parametrize("op_type", ["Softplus", "HardSigmoid", "HardSwish", "Mish"])
def test_smooth_functions(models, op_type):
    x = values((2, 3, 4, 5)) * 5
    opset = {"HardSwish": 14, "Mish": 18}.get(op_type, 13)
    models.compare(models.one(op_type, x, {}, opset, (0,)), {"x": x})


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 4, 5)), ((2, 2, 3, 4), (2, 2, 4, 3))])
def test_products_of_values(models, shapes):
    inputs = {"a": values(shapes[0]), "b": values(shapes[1], 1)}
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    models.compare(models.bytes([node], inputs, free=(0,)), inputs)


def test_normalisation_spelled_out(models):
    """Layer normalisation and unit length, as exporters write them, with a free axis 1."""
    x = values((2, 6, 5))
    constants = {"two": np.float32(2), "eps": np.float32(1e-5), "gain": values(5, 3)}
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1]),
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("Pow", ["d", "two"], ["s"]),
        helper.make_node("ReduceMean", ["s"], ["v"], axes=[-1]),
        helper.make_node("Add", ["v", "eps"], ["ve"]),
        helper.make_node("Sqrt", ["ve"], ["sd"]),
        helper.make_node("Div", ["d", "sd"], ["n"]),
        helper.make_node("Mul", ["n", "gain"], ["g"]),
        helper.make_node("ReduceL2", ["g"], ["l"], axes=[2]),
        helper.make_node("Div", ["g", "l"], ["y"]),
    ]
    models.compare(models.bytes(nodes, {"x": x}, constants, free=(0, 1)), {"x": x})


@pytest.mark.parametrize(
    ("op_type", "constants", "attributes", "detail"),
    [
        ("ReduceMean", {}, {"axes": [2, -2]}, "different ones"),
        ("ReduceMean", {}, {"axes": [4]}, "axis 4"),
        ("Pow", {"e": np.ones(5, np.float32)}, {}, "exponents"),
        ("LRN", {}, {"size": 0}, "'size' = 0"),
    ],
)
def test_refusals_name_the_node(models, op_type, constants, attributes, detail):
    data = models.one(op_type, values((2, 3, 4, 5)), constants, **attributes)
    with pytest.raises(FormatError, match=f"the_node.*{detail}"):
        reader.read(data)
