"""Finding files, telling formats apart, options."""

import numpy as np
import pytest

from zqcnn_xp import load
from zqcnn_xp.errors import FormatError, InputError, TrailingWeightsWarning
from zqcnn_xp.formats import find_reader, read_graph
from zqcnn_xp.formats.caffe import reader


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b'name: "a"', True),
        (b"\xef\xbb\xbf# note\r\n\r\n  name : 'a'", True),
        (b'input: "data"\ninput_dim: 1', True),
        (b"layer {\n", True),
        (b"layers: {", True),
        (b"layer<", True),
        (b"input_shape { dim: 1 }", True),
        (b"\n\x05PNet1\xa2\x06", True),
        (b"\n\0\xa2\x06", True),
        (b"\xa2\x06\x03abc", True),
        (b"\n\x01a\x12\x05", True),
        (b"net: 'train.prototxt'", False),
        (b"name: x", False),
        (b"Input name=data C=3", False),
        (b"[net]\nwidth=3", False),
        (b"7767517\n", False),
        (b'{"nodes": []}', False),
        (b"<?xml", False),
        (b"\x08\x07\x12\x07pytorch", False),
        (b"\n\nlayer", False),
        (b"\n\x05ab", False),
        (b"", False),
        (b"node { name: 'x' }", False),
        (b"layered: 3", False),
    ],
)
def test_sniff(head, is_one):
    assert reader.sniff(head) == is_one
    assert reader.sniff(head, "a.CaffeModel")


def test_every_file_is_found_by_content(shared_data):
    for path in sorted((shared_data / "caffe").iterdir()):
        found, _ = find_reader(path.read_bytes())
        assert found.name == "caffe", path.name


@pytest.fixture
def files(shared_data):
    folder = shared_data / "caffe"
    return folder / "det1.prototxt", folder / "det1.caffemodel"


def test_weights_lie_beside(files, tmp_path):
    x = np.random.default_rng(0).random((2, 3, 20, 24), np.float32)
    want = load(*files, backend="numpy")(x)
    for given in ((files[0],), (str(files[0]), str(files[1]))):
        found = load(*given, backend="numpy")(x)
        assert list(found) == ["conv4-2", "prob1"]
        for name, value in found.items():
            np.testing.assert_array_equal(value, want[name])
    alone = tmp_path / "a.prototxt"
    alone.write_bytes(files[0].read_bytes())
    with pytest.raises(InputError, match=r"a \.caffemodel file of the same name"):
        load(alone, backend="numpy")
    (tmp_path / "a.caffemodel").write_bytes(files[1].read_bytes())
    assert load(alone, backend="numpy")(x)["prob1"].shape == (2, 2, 5, 7)


def test_a_snapshot_of_training_alone(files):
    x = np.random.default_rng(0).random((1, 3, 20, 24), np.float32)
    graph = read_graph(files[1], input_size=(12, 12))
    assert graph.outputs == ("conv4-1", "conv4-2")
    assert [node.name for node in graph.nodes][-1] == "conv4-2"
    whole = read_graph(*files)
    assert graph.parameters == whole.parameters
    from zqcnn_xp.session import Session

    one, two = (Session(g, "numpy")(x, "conv4-2")["conv4-2"] for g in (graph, whole))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(FormatError, match=r"byte 10: .*unknown size .*input_size"):
        read_graph(files[1])


@pytest.mark.parametrize("name", ["slim-320", "mobilefacenet-v0", "landmark106", "no_bn"])
def test_a_whole_network_in_one_binary_file(shared_data, name):
    model = shared_data / "caffe" / f"{name}.caffemodel"
    one, two = reader.read(model), reader.read(model.with_suffix(".prototxt"), model)
    assert one.outputs == two.outputs
    assert one.inputs == two.inputs
    assert [(n.name, n.op) for n in one.nodes] == [(n.name, n.op) for n in two.nodes]
    for a, b in zip(one.nodes, two.nodes, strict=True):
        for key in a.weights:
            np.testing.assert_array_equal(a.weights[key], b.weights[key])


def test_the_training_head_of_det2_is_a_rest(shared_data):
    with pytest.warns(TrailingWeightsWarning, match=r"1 layers are not used \('conv5-3'\)"):
        reader.read(shared_data / "caffe" / "det2.prototxt")


def test_options(files):
    with pytest.raises(InputError, match="compat='zqcnn'"):
        reader.read(*files, compat="zqcnn")
    with pytest.raises(InputError, match="did you mean 'limits'"):
        reader.read(*files, limit=3)
    with pytest.raises(InputError, match="input_size"):
        reader.read(*files, input_size=(0, 1))
    assert reader.read(*files, fold=False).name == "PNet"
    assert reader.read(files[0], "random").parameters == 6632


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 64, b"Input name=data", b"\xd0\xcf" * 9])
def test_what_is_no_network(data):
    with pytest.raises(FormatError):
        reader.read(data, b"")


def test_weights_that_are_none(files):
    with pytest.raises(FormatError, match="<bytes>, start of file: found an empty file"):
        reader.read(files[0], b"")
    with pytest.raises(FormatError, match="has no weights"):
        reader.read(files[0], files[0])
