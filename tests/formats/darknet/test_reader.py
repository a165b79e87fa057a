"""The reader as a whole: sniffing, options, files beside each other, real files."""

import io
import shutil
import warnings

import pytest

import zqcnn_xp
from zqcnn_xp.cli import main
from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats import find_reader, read_graph
from zqcnn_xp.formats.darknet import reader

# Name, heads.
FILES = {
    "MobileNetV2-YOLO-Fastest-voc": 2,
    "MobileNetV2-YOLOv3-Nano-voc": 2,
    "yolo-fastest": 2,
    "yoloface-100k": 1,
    "yoloface-500k": 3,
    "yoloface-500k-v2": 3,
}


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"[net]\nwidth=3", True),
        (b"\xef\xbb\xbf; x\r\n# [conv]\r\n [ network ] # x\r\n", True),
        (b"[Net]", True),
        (b"[convolutional]\n[net]", False),
        (b"[network.x]", False),
        (b"", False),
        (b"\xff\xfe\0\0", False),
    ],
)
def test_sniff(head, found):
    assert reader.sniff(head, "a.txt") is found


def test_every_entry_point(dk, tmp_path):
    text = dk.cfg("[maxpool] size=2 stride=2")
    assert find_reader(text)[0] is reader
    path = tmp_path / "pool.cfg"
    path.write_bytes(text)
    path.with_suffix(".weights").write_bytes(dk.header())
    for model in (path, str(path)):
        assert read_graph(model).name == "pool"
    with path.open("rb") as file:
        assert read_graph(file, io.BytesIO(dk.header())).outputs == ("maxpool_0",)
    session = zqcnn_xp.load(str(path), backend="numpy")
    assert session(dk.noise(1, 4, 6, 8))["maxpool_0"].shape == (1, 4, 3, 4)
    path.with_suffix(".weights").unlink()
    with pytest.raises(FormatError, match=r"pool\.cfg: found no weights"):
        zqcnn_xp.load(str(path), backend="numpy")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"compat": "zqcnn"}, "compat='zqcnn', expected None"),
        ({"bn_epps": 1}, "did you mean 'bn_eps'"),
        ({"bn_eps": -1}, "bn_eps=-1"),
        ({"bn_eps": float("nan")}, "bn_eps=nan"),
        ({"bn_eps": "1e-5"}, "bn_eps='1e-5'"),
    ],
)
def test_options(dk, options, match):
    with pytest.raises(InputError, match=match):
        dk.read("[avgpool]", **options)


def test_options_travel_through_read_graph(dk):
    text = dk.cfg("[conv] batch_normalize=1")
    graph = read_graph(text, "random", bn_eps=1e-6, fold=False)
    assert [getattr(node.op, "eps", None) for node in graph.nodes] == [None, 1e-6, None]


def test_the_size_of_the_input_is_needed(dk):
    for key in (b"width=8", b"height=6", b"channels=4"):
        text = dk.cfg("[avgpool]")
        name = key.partition(b"=")[0].decode()
        with pytest.raises(FormatError, match=rf"\[net\]: found no '{name}'"):
            reader.read(text.replace(key, b""), "random")
        with pytest.raises(FormatError, match=f"{name}=0"):
            reader.read(text.replace(key, key[:-1] + b"0"), "random")


def test_nodes_name_their_lines_and_blobs_their_layers(dk):
    conv = "[conv] batch_normalize=1 activation=relu"
    graph = dk.read(conv, "[maxpool] size=2", "[route] layers=0")
    assert {node.where for node in graph.nodes[:3]} == {"<bytes>:5"}
    assert list(graph.blobs) == ["data", "convolutional_0", "maxpool_1", "route_2"]
    assert set(graph.values) - set(graph.blobs) == {"convolutional_0.conv", "convolutional_0.bn"}


@pytest.mark.parametrize("name", FILES)
def test_real_files(shared_data, name):
    path = shared_data / "darknet" / f"{name}.cfg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = read_graph(path)
    assert len(graph.meta["heads"]) == FILES[name] == len(graph.outputs)
    size = path.with_suffix(".weights").stat().st_size
    assert 4 * graph.parameters == size - 20
    graph.check_weights(graph.nominal_shapes)


def test_wrong_pairs_of_real_files(shared_data):
    folder = shared_data / "darknet"
    for name in FILES:
        for other in FILES:
            if name != other:
                with pytest.raises(FormatError, match=r"floats after the header.*expected \d"):
                    reader.read(folder / f"{name}.cfg", folder / f"{other}.weights")


def test_a_network_without_its_weights(shared_data, tmp_path, capsys):
    path = tmp_path / "lite.cfg"
    shutil.copy(shared_data / "darknet" / "MobileNetV2-YOLOv3-Lite-voc.cfg", path)
    assert main(["info", str(path), "random"]) == 0
    printed = capsys.readouterr().out
    assert "convolutional_0" in printed
    assert "data 1 x 3 x 320 x 320" in printed
    assert main(["info", str(path)]) == 0
    told = capsys.readouterr()
    assert "counted from the layers" in told.err
    assert "data 1 x 3 x 320 x 320" in told.out
