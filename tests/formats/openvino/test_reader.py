"""Whole small networks, written here and computed by hand: no OpenVINO needed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from zqcnn_xp import FormatError, InputError, Session, load
from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.openvino import reader

WINDOW = {
    "strides": "1,1", "dilations": "1,1", "pads_begin": "0,0", "pads_end": "0,0",
    "auto_pad": "explicit",
}  # fmt: skip


def small(net, dtype=np.float32, shape=(1, 2, 3, 3), version=11, layout="nchw"):
    """relu(1x1 convolution + bias), transposed before where images come channels-last."""
    made = net(version)
    x = made.parameter(shape)
    if layout == "nhwc":
        x = made.layer("Transpose", [x, made.const(np.int64([0, 3, 1, 2]))])
    weight = made.const(np.asarray([[1, 2], [3, 4], [5, -6]], dtype).reshape(3, 2, 1, 1))
    bias = made.const(np.asarray([0.5, -0.5, 0], dtype).reshape(1, 3, 1, 1))
    if dtype is np.float16:
        convert = {"destination_type": "f32"}
        weight, bias = (made.layer("Convert", [k], convert) for k in (weight, bias))
    y = made.layer("Convolution", [x, weight], WINDOW)
    y = made.layer("Add", [y, bias], {"auto_broadcast": "numpy"}, names=["sum,total"])
    made.result(made.layer("ReLU", [y], name="last"))
    return made


def expected(x):
    kernel = np.float32([[1, 2], [3, 4], [5, -6]])
    y = np.einsum("oc,nchw->nohw", kernel, x) + np.float32([0.5, -0.5, 0])[:, None, None]
    return np.maximum(y, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("version", [10, 11])
def test_a_network(net, dtype, version):
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 3)).astype(np.float32)
    (y,) = small(net, dtype, version=version).ours(x=x)
    np.testing.assert_allclose(y, expected(x), rtol=1e-6, atol=1e-6)


def test_images_that_come_channels_last(net):
    graph = small(net, shape=(None, None, None, 2), layout="nhwc").graph()
    assert graph.inputs[0].shape == (None, 2, None, None)
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(
        Session(graph, "numpy")(x)["last"], expected(x), rtol=1e-5, atol=1e-6
    )


def test_a_batch_of_one_is_lifted_and_sizes_may_be_fixed(net):
    assert small(net).graph().inputs[0].shape == (None, 2, 3, 3)
    made = small(net, shape=(None, 2, None, None))
    assert made.graph(input_size=(5, None)).inputs[0].shape == (None, 2, 5, None)
    with pytest.raises(InputError, match="input_size"):
        made.graph(input_size=5)


def test_names_of_tensors_and_layers_are_blobs(net):
    blobs = small(net).graph().blobs
    assert blobs["x"] == blobs["x_layer"] == "x"
    assert blobs["sum"] == blobs["total"] == blobs["n4"]
    assert "last" in blobs


def test_found_by_content_and_beside(net, tmp_path):
    made = small(net)
    (tmp_path / "m.xml").write_bytes(made.xml())
    with pytest.raises(InputError, match=r"\.bin"):
        load(tmp_path / "m.xml", backend="numpy")
    (tmp_path / "m.bin").write_bytes(made.bin)
    x = np.ones((1, 2, 3, 3), np.float32)
    (y,) = load(tmp_path / "m.xml", backend="numpy")(x).values()
    np.testing.assert_allclose(y, expected(x))
    (y,) = load(made.xml(), made.bin, backend="numpy")(x).values()
    np.testing.assert_allclose(y, expected(x))
    with pytest.raises(InputError, match="compat"):
        load(tmp_path / "m.xml", backend="numpy", compat="zqcnn")


@pytest.mark.parametrize(
    ("head", "mine"),
    [
        (b'<?xml version="1.0"?><net name="x" version="10" batch="1">', True),
        (b"\xef\xbb\xbf\n<net version='11'>", True),
        (b"<html><net>", False),
        (b"[net]\nwidth=3", False),
        (b"", False),
    ],
)
def test_sniff(head, mine):
    assert reader.sniff(head, "model.xml") is mine


def test_a_rest_of_the_weights_is_told(net):
    made = small(net)
    with pytest.warns(TrailingWeightsWarning, match="100 bytes"):
        reader.read(made.xml(), made.bin + bytes(100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read(made.xml(), made.bin + bytes(20))


def replace_once(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (b'offset="0"', b'offset="5000"', "bytes 5,000"),
        (b'offset="0"', b'offset="-4"', "offset '-4'"),
        (b'size="24"', b'size="20"', "20 bytes"),
        (b'size="24"', b'size="9223372036854775808"', "size"),
        (b'shape="3, 2, 1, 1"', b'shape="3, 2, 1, 9223372036854775808"', "shape"),
        (b'shape="3, 2, 1, 1"', b'shape="3, 2, 1, 2147483648"', "elements|bytes"),
        (b'shape="3, 2, 1, 1"', b'shape="3, 2, -1, 1"', "shape"),
        (b'shape="3, 2, 1, 1"', b'shape="0, 2, 1, 1"', "24 bytes"),
        (b'shape="1,2,3,3"', b'shape="1,2,3,99999999999999"', "shape"),
        (b'shape="1,2,3,3"', b'shape="1,2,3,1000000000000"', "max_elements"),
        (b'shape="1,2,3,3"', b'shape="1,0,3,3"', "."),
        (b'element_type="f32"', b'element_type="u1"', "element type|type 'u1'"),
        (b'element_type="f32"', b'element_type="i64"', "type 'i64'"),
        (b'to-layer="3" to-port="1"', b'to-layer="3" to-port="0"', "second edge"),
        (b'to-layer="3" to-port="1"', b'to-layer="3" to-port="7"', "port 7"),
        (b'to-layer="3" to-port="1"', b'to-layer="99" to-port="1"', "layer 99"),
        (b'<edge from-layer="0" from-port="0" to-layer="3" to-port="0"/>', b"", "no edge"),
        (b'from-layer="0" from-port="0"', b'from-layer="5" from-port="1"', "cycle"),
        (b'type="ReLU"', b'type="FakeQuantize"', "'FakeQuantize'"),
        (b'type="Result"', b'type="Sink"', "outputs"),
        (b'type="Parameter"', b'type="ReLU"', "outputs|input"),
    ],
)
def test_refusals(net, old, new, detail):
    made = small(net)
    with pytest.raises(FormatError, match=detail):
        reader.read(replace_once(made.xml(), old, new), made.bin)


def test_files_that_do_not_belong_together(net):
    made = small(net)
    with pytest.raises(FormatError, match=r"layer 2 .*bytes 24 to 36 of 30"):
        reader.read(made.xml(), made.bin[:30])
    with pytest.raises(FormatError, match="max_elements"):
        made.graph(limits=Limits(max_elements=20))


def test_doubled_names_are_told_apart(net):
    made = net()
    x = made.parameter((1, 2, 3, 3))
    first = made.layer("ReLU", [x], name="same")
    second = made.layer("Sigmoid", [first], name="same", names=["same"])
    made.result(first)
    made.result(second)
    graph = made.graph()
    assert len(set(graph.outputs)) == 2
