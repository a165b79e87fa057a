"""Parts of a file are counted before any of them takes memory."""

import numpy as np
import onnx
import pytest
from onnx import helper

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.onnx import reader
from zqcnn_xp.formats.onnx.counts import check_counts


def varint(value):
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


MANY = 1_000_000
# What is repeated a million times, as bytes of a whole model, and how it is called.
BOMBS = {
    "nodes": (field(7, field(1, b"") * MANY), "100,000 nodes"),
    "initializers": (field(7, field(5, b"") * MANY), "100,000 initializers"),
    "declared values": (field(7, field(13, b"") * MANY), "500,000 messages"),
    "attributes": (field(7, field(1, field(5, b"") * MANY)), "500,000 messages"),
    "operands": (field(7, field(1, field(1, b"") * 2 * MANY)), "1,200,000 fields"),
    "sizes": (field(7, field(11, field(2, field(1, field(2, field(1, b"") * MANY))))), "messages"),
    "nodes of an attribute": (
        field(7, field(1, field(5, field(6, field(1, b"") * MANY)))),
        "100,000 nodes",
    ),
    "nodes of a function": (field(25, field(7, b"") * MANY), "100,000 nodes"),
    "operator sets": (field(8, b"") * MANY, "500,000 messages"),
    "unknown fields": (field(99, b"") * 2 * MANY, "1,200,000 fields"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_million_of_anything_is_refused_at_once(name, counted):
    data, found = BOMBS[name]
    with pytest.raises(FormatError, match=f"{found}, expected fewer"):
        reader.read(data)
    # Work goes by the limit, which is a hundredth here, and not by the size of the file.
    few = Limits(max_layers=1000, max_tensors=1000)
    with counted(60_000), pytest.raises(FormatError, match="expected fewer"):
        reader.read(data, limits=few)


def chain(count):
    nodes = [helper.make_node("Relu", [f"v{k}"], [f"v{k + 1}"], name=f"n{k}") for k in range(count)]
    ports = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 4, 4])]
        for name in ("v0", f"v{count}")
    ]
    graph = helper.make_graph(nodes, "g", *ports)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


def test_bounds_are_exact():
    model = chain(12)
    data = model.SerializeToString()
    assert len(reader.read(data, limits=Limits(max_layers=12)).nodes) == 12
    with pytest.raises(FormatError, match="more than 11 nodes"):
        reader.read(data, limits=Limits(max_layers=11))
    for k in range(3):
        weight = onnx.numpy_helper.from_array(np.zeros(4, np.float32), f"w{k}")
        model.graph.initializer.append(weight)
    data = model.SerializeToString()
    check_counts("a", data, Limits(max_tensors=3))
    with pytest.raises(FormatError, match=r"more than 2 initializers.*Limits\.max_tensors"):
        check_counts("a", data, Limits(max_tensors=2))


def test_the_insides_of_tensors_do_not_count():
    model = chain(1)
    # Bytes that would be a hundred messages, were they read as such.
    tensor = onnx.TensorProto(raw_data=field(1, b"") * 100, data_type=2, dims=[200], name="w")
    model.graph.initializer.append(tensor)
    check_counts("a", model.SerializeToString(), Limits(max_layers=6, max_tensors=1))


@pytest.mark.parametrize("size", range(40))
def test_what_is_cut_off_is_left_to_the_decoder(size):
    check_counts("a", chain(1).SerializeToString()[:size], Limits())
