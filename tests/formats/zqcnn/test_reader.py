"""The reader as a whole."""

import io

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats.zqcnn import reader

TEXT = b"Input name=x C=2 H=4 W=4\r\nScale name=s bottom=x top=y bias\r\n"
DATA = np.float32([1, 2, 3, 4]).tobytes()


@pytest.mark.parametrize(
    ("head", "takes"),
    [
        (TEXT, True),
        (b"\xef\xbb\xbf" + TEXT, True),
        (b"#Convolution name=a\n\n  input\tC=3 name:data", True),
        (b"Input C=3", False),
        (b'input: "data"\nname=3', False),
        (b"layer { name: 'x' }", False),
        (b"", False),
        (b"\x08\x07\x12", False),
        (DATA, False),
    ],
)
def test_sniff(head, takes):
    assert reader.sniff(head, "anything") is takes


def test_paths_file_objects_and_bytes_give_the_same(tmp_path):
    model, weights = tmp_path / "net.zqparams", tmp_path / "net.nchwbin"
    model.write_bytes(TEXT)
    weights.write_bytes(DATA)
    graphs = [
        reader.read(model, weights),
        reader.read(str(model), io.BytesIO(DATA)),
        reader.read(io.BytesIO(TEXT), weights),
        reader.read(TEXT, bytearray(DATA)),
    ]
    with model.open("rb") as m, weights.open("rb") as w:
        graphs.append(reader.read(m, w))
    for graph in graphs:
        assert graph.outputs == ("y",)
        assert {k: v.tolist() for k, v in graph.nodes[0].weights.items()} == {
            "scale": [1, 2],
            "bias": [3, 4],
        }
    assert graphs[0].name == "net"
    assert graphs[0].nodes[0].where == "net.zqparams:2"


def test_no_weights():
    with pytest.raises(FormatError, match=r"found no weights, expected the \.nchwbin .*'random'"):
        reader.read(TEXT)


def test_options():
    with pytest.raises(InputError, match="compat='ZQ', expected None or 'zqcnn'"):
        reader.read(TEXT, DATA, compat="ZQ")
    with pytest.raises(InputError, match=r"option 'folds'.*did you mean 'fold'"):
        reader.read(TEXT, DATA, folds=True)


def test_weights_are_own_arrays():
    data = bytearray(DATA)
    graph = reader.read(TEXT, data)
    data[:] = bytes(len(data))
    assert graph.nodes[0].weights["scale"].tolist() == [1, 2]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_real_net_with_other_line_ends(shared_data, end):
    folder = shared_data / "zqcnn"
    text = (folder / "det2-dw24-fast.zqparams").read_bytes().replace(b"\n", end)
    graph = reader.read(text, folder / "det2-dw24-fast.nchwbin")
    plain = reader.read(folder / "det2-dw24-fast.zqparams", folder / "det2-dw24-fast.nchwbin")
    assert [node.op for node in graph.nodes] == [node.op for node in plain.nodes]
