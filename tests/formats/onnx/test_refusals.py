"""What is not covered, or not well formed: an error that names node, op type and attribute."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader

X = np.zeros((1, 3, 8, 8), np.float32)
KERNEL = np.zeros((4, 3, 3, 3), np.float32)


def node(op_type, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(op_type, inputs, outputs, name="that", **attributes)


CASES = {
    "unknown op": (node("Frobnicate"), {}, 13, "'that' (Frobnicate)", "'Frobnicate'"),
    "other domain": (node("Conv", domain="com.x"), {}, 13, "(Conv)", "'com.x.Conv'"),
    "unknown attribute": (node("Relu", alpha=1.0), {}, 13, "(Relu)", "'alpha'"),
    "kind of attribute": (node("Elu", alpha=1), {}, 13, "(Elu)", "'alpha' of kind int"),
    "auto_pad": (
        node("Conv", ["x", "w"], auto_pad="SAME"), {"w": KERNEL}, 13, "(Conv)", "'auto_pad'"),
    "pads": (
        node("Conv", ["x", "w"], pads=[1, 1, -1, 1]), {"w": KERNEL}, 13, "(Conv)", "'pads'"),
    "strides": (
        node("Conv", ["x", "w"], strides=[0, 1]), {"w": KERNEL}, 13, "(Conv)", "'strides'"),
    "dilations": (
        node("Conv", ["x", "w"], dilations=[1]), {"w": KERNEL}, 13, "(Conv)", "'dilations'"),
    "kernel_shape": (
        node("Conv", ["x", "w"], kernel_shape=[5, 5]), {"w": KERNEL}, 13, "(Conv)",
        "'kernel_shape'"),
    "group": (node("Conv", ["x", "w"], group=0), {"w": KERNEL}, 13, "(Conv)", "'group'"),
    "groups and channels": (
        node("Conv", ["x", "w"], group=2), {"w": KERNEL}, 13, "(Conv)", "groups"),
    "weights that do not fit": (
        node("Conv", ["x", "w"]), {"w": KERNEL[:, :2]}, 13, "(Conv)", "weight of shape"),
    "computed weights": (node("Conv", ["x", "x"]), {}, 13, "(Conv)", "'x') that is computed"),
    "integer weights": (
        node("Conv", ["x", "w"]), {"w": KERNEL.astype(np.int64)}, 13, "(Conv)", "int64"),
    "dilations of 0": (
        node("MaxPool", kernel_shape=[2, 2], dilations=[0, 2]), {}, 13, "(MaxPool)",
        "'dilations'"),
    "no kernel": (node("MaxPool"), {}, 13, "(MaxPool)", "'kernel_shape'"),
    "training": (
        node("BatchNormalization", ["x", *"abcd"], training_mode=1),
        dict.fromkeys("abcd", np.ones(3, np.float32)), 14, "(BatchNormalization)",
        "'training_mode'"),
    "product of values": (
        node("MatMul", ["x", "w"]), {"w": np.ones((2, 8, 8), np.float32)}, 13, "(MatMul)",
        "a matrix"),
    "transA": (
        node("Gemm", ["x", "w"], transA=1), {"w": KERNEL}, 13, "(Gemm)", "(1, 3, 8, 8)"),
    "pad mode": (
        node("Pad", ["x", "p"], mode="reflect"), {"p": np.int64([0] * 8)}, 13, "(Pad)",
        "'mode' = 'reflect'"),
    "negative pad": (
        node("Pad", ["x", "p"]), {"p": np.int64([0] * 7 + [-1])}, 13, "(Pad)", "-1"),
    "cubic": (
        node("Resize", ["x", "", "s"], mode="cubic"), {"s": np.float32([1, 1, 2, 2])}, 13,
        "(Resize)", "'mode' = 'cubic'"),
    "uneven scale": (
        node("Resize", ["x", "", "s"]), {"s": np.float32([1, 1, 1.3, 2])}, 13, "(Resize)",
        "scale 1.29"),
    "reshape": (
        node("Reshape", ["x", "d"]), {"d": np.int64([7, -1])}, 13, "(Reshape)", "(7, -1)"),
    "computed sizes": (node("Reshape", ["x", "x"]), {}, 13, "(Reshape)", "computed"),
    "squeeze": (node("Squeeze", ["x", "a"]), {"a": np.int64([1])}, 13, "(Squeeze)", "size 1"),
    "axis": (node("Softmax", axis=4), {}, 13, "(Softmax)", "axis 4"),
    "constant too wide": (
        node("Add", ["x", "c"]), {"c": np.ones((2, 1, 1, 1), np.float32)}, 13, "(Add)",
        "(2, 1, 1, 1)"),
    "division by zero": (
        node("Div", ["x", "c"]), {"c": np.zeros(1, np.float32)}, 13, "(Div)", "reciprocal"),
    "reversed slice": (
        node("Slice", ["x", "s", "e", "a", "t"]),
        {"s": np.int64([3]), "e": np.int64([0]), "a": np.int64([1]), "t": np.int64([-1])},
        13, "(Slice)", "step -1"),
    "unknown name": (node("Relu", ["z"]), {}, 13, "(Relu)", "'z'"),
    "name twice": (node("Relu", outputs=["x"]), {}, 13, "(Relu)", "'x'"),
    "no output": (node("Relu", outputs=[""]), {}, 13, "(Relu)", "no output"),
    "operands": (node("Add", ["x"]), {}, 13, "(Add)", "1 input"),
    "bounds": (node("Clip", min=2.0, max=1.0), {}, 7, "(Clip)", "2.0 to 1.0"),
    "many axes": (
        node("Reshape", ["x", "d"]), {"d": np.int64([192] + [1] * 40)}, 13, "(Reshape)",
        "41 axes"),
    "large constant": (
        node("ConstantOfShape", ["d"]), {"d": np.int64([1 << 20, 1 << 20])}, 13,
        "(ConstantOfShape)", "1048576"),
    "large result": (
        node("Pad", ["x", "p"]), {"p": np.int64([0, 0, 0, 0, 0, 0, 1 << 20, 1 << 20])}, 13,
        "(Pad)", "max_elements"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_error_names_the_node(models, case):
    made, constants, opset, label, detail = CASES[case]
    data = models.bytes([made], {"x": X}, constants, opset)
    with pytest.raises(FormatError) as caught:
        reader.read(data)
    assert label in str(caught.value)
    assert detail in str(caught.value)


@pytest.mark.parametrize("opset", [6, 23, 2**40])
def test_opsets_beyond_those_known(models, opset):
    data = models.bytes([node("Relu")], {"x": X}, opset=opset)
    with pytest.raises(FormatError, match=f"operator set {opset}, expected one of 7 to 22"):
        reader.read(data)


def test_indices_of_a_pool_that_are_used(models):
    made = node("MaxPool", outputs=["y", "places"], kernel_shape=[2, 2])
    reader.read(models.bytes([made], {"x": X}))
    with pytest.raises(FormatError, match=r"MaxPool.*'places'"):
        reader.read(models.bytes([made], {"x": X}, outputs=("y", "places")))


def test_a_graph_that_is_not_in_order(models):
    nodes = [node("Relu", ["b"], ["y"]), helper.make_node("Relu", ["x"], ["b"])]
    with pytest.raises(FormatError, match="order of execution"):
        reader.read(models.bytes(nodes, {"x": X}))


def test_an_output_that_nothing_computes(models):
    with pytest.raises(FormatError, match="'nothing'"):
        reader.read(models.bytes([node("Relu")], {"x": X}, outputs=("nothing",)))


def test_an_output_that_is_constant(models):
    constants = {"c": np.zeros(1, np.float32)}
    with pytest.raises(FormatError, match="'c': found a constant"):
        reader.read(models.bytes([node("Relu")], {"x": X}, constants, outputs=("y", "c")))


def test_nodes_of_one_name_and_of_none(models):
    nodes = [node("Relu", ["x"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"])]
    for made in nodes[1:]:
        made.name = nodes[0].name
    graph = reader.read(models.bytes(nodes, {"x": X}))
    assert len({n.name for n in graph.nodes}) == 3


def test_ten_thousand_nodes_in_a_chain(models):
    nodes = [helper.make_node("Relu", [f"v{k}"], [f"v{k + 1}"]) for k in range(10_000)]
    data = models.bytes(nodes, {"v0": X}, outputs=("v10000",))
    assert len(reader.read(data).nodes) == 10_000


@pytest.mark.timeout(20)
def test_thousands_of_inputs_and_nodes_take_linear_time(models):
    inputs = {f"x{k}": np.zeros((1, 1, 1, 1), np.float32) for k in range(3000)}
    nodes = [helper.make_node("Relu", [name], [f"y{name}"]) for name in inputs]
    outputs = [made.output[0] for made in nodes]
    assert len(reader.read(models.bytes(nodes, inputs, outputs=outputs)).nodes) == 3000


def model_with(port):
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node("Relu")], "g", [port], [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


@pytest.mark.parametrize(
    ("port", "found"),
    [
        (helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 3]), "float64"),
        (helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3]), "uint8"),
        (helper.make_tensor_value_info("x", TensorProto.FLOAT, None), "no shape"),
        (helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1]), "no tensor"),
    ],
)
def test_inputs_that_are_not_taken(port, found):
    with pytest.raises(FormatError, match=f"'x'.*{found}"):
        reader.read(model_with(port).SerializeToString())
