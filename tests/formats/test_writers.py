"""Every format to every other, and files that appear whole, beside each other, or not at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp import GraphError, InputError, Session, ShapeError
from zqcnn_xp.cli.convert import read_back
from zqcnn_xp.compare import compare_outputs
from zqcnn_xp.formats import read_graph, writers
from zqcnn_xp.formats.writers import WRITERS, find_writer, target_paths, write_graph
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Conv2D, MaxFeatureMap
from zqcnn_xp.precision import sample_input

TEXT = b"Input name=x C=2 H=4 W=4\nConvolution name=c bottom=x top=y num_output=3 kernel_size=1\n"
NETS = ("det1", "det2", "mobilefacenet-v1")
SUFFIX = {name: writer.suffixes[0] for name, writer in WRITERS.items()}


@pytest.fixture
def small():
    return read_graph(TEXT, "random")


@pytest.fixture(scope="module")
def hop(shared_data, tmp_path_factory):
    """Networks as they come back from one format."""
    folder = tmp_path_factory.mktemp("hop")

    @cache
    def read(net, format):
        source = shared_data / "zqcnn" / f"{net}.zqparams"
        weights = source.with_suffix(".nchwbin")
        if not weights.exists():
            weights = source.with_name(f"{net}_bgr.nchwbin")
        graph = read_graph(source, weights)
        return graph if format is None else there_and_back(graph, format, folder / net)

    return read


def there_and_back(graph, format, stem):
    return read_back(format, write_graph(graph, stem.with_suffix(SUFFIX[format]), format))


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("first", WRITERS)
def test_every_format_to_every_other(net, first, hop, tmp_path):
    graph = hop(net, None)
    x = sample_input(graph)
    wanted = Session(graph, "numpy")(x)
    for second in WRITERS:
        again = there_and_back(hop(net, first), second, tmp_path / "net")
        assert again.parameters == graph.parameters
        found = Session(again, "numpy")({again.inputs[0].name: x[graph.inputs[0].name]})
        for row in compare_outputs(wanted, found):
            assert row.relative is not None, row
            assert row.relative <= 1e-6, row


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("format", ["zqcnn", "safetensors", "code"])
@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
def test_nothing_changes_where_nothing_has_to(net, format, hop):
    graph, again = hop(net, None), hop(net, format)
    assert (again.inputs, again.outputs, again.blobs) == (graph.inputs, graph.outputs, graph.blobs)
    for a, b in zip(graph.nodes, again.nodes, strict=True):
        assert (b.name, b.op, b.inputs, b.outputs) == (a.name, a.op, a.inputs, a.outputs)
        for name, array in a.weights.items():
            assert b.weights[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("format", WRITERS)
def test_fold_and_fp16(format, tmp_path):
    text = TEXT + b"BatchNormScale name=b bottom=y top=y bias\nPReLU name=p bottom=y top=y\n"
    graph = read_graph(text, "random")
    path = tmp_path / f"net{SUFFIX[format]}"
    if format == "zqcnn":
        with pytest.raises(InputError, match=r"fp16=True for zqcnn.*expected onnx, ncnn"):
            write_graph(graph, path, fold=True, fp16=True)
        assert not any(tmp_path.iterdir())
        return
    again = read_back(format, write_graph(graph, path, fold=True, fp16=True))
    assert not any("BatchNorm" in type(node.op).__name__ for node in again.nodes)
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 4)).astype(np.float32)
    (wanted,) = Session(graph, "numpy")(x).values()
    (found,) = Session(again, "numpy")(x).values()
    assert 0 < np.abs(wanted - found).max() < 2e-3 * np.abs(wanted).max()


def test_numbers_that_float16_cannot_hold(tmp_path):
    weight = np.full((1, 1, 2, 3), 1e5, np.float32)
    node = Node("c", Conv2D(3, (1, 1), bias=False), ("x",), ("y",), {"weight": weight})
    graph = Graph((GraphInput("x", (None, 2, 4, 4)),), (node,), ("y",))
    for format in ("onnx", "safetensors", "code"):
        with pytest.raises(GraphError, match=r"c.*65504"):
            write_graph(graph, tmp_path / "net", format, fp16=True)
    assert not any(tmp_path.iterdir())


def test_a_fixed_size(tmp_path, small):
    shapes = {"x": (1, 2, 6, 8)}
    for format in WRITERS:
        path = tmp_path / f"net{SUFFIX[format]}"
        again = read_back(format, write_graph(small, path, shapes=shapes))
        size = again.inputs[0].nominal or again.inputs[0].shape
        assert size[2:] == (6, 8), format
    for format in WRITERS:
        with pytest.raises(ShapeError):
            write_graph(small, tmp_path / "bad", format, shapes={"x": (1, 3, 6, 8)})
    assert not list(tmp_path.glob("bad*"))


def test_suffixes_and_formats(tmp_path):
    assert find_writer("a.ZQPARAMS").name == "zqcnn"
    assert find_writer("a.txt", "ncnn").name == "ncnn"
    with pytest.raises(InputError, match=r"a\.txt: found the suffix '\.txt', expected one of"):
        find_writer("a.txt")
    with pytest.raises(InputError, match=r"found format 'onx'.*did you mean 'onnx'"):
        find_writer("a.txt", "onx")
    names = [p.name for p in target_paths(tmp_path / "a.b", WRITERS["ncnn"])]
    assert names == ["a.b", "a.b.bin"]


def test_a_pair_of_paths(tmp_path, small):
    paths = (tmp_path / "a.txt", tmp_path / "b.dat")
    assert write_graph(small, paths, "zqcnn") == paths
    assert read_graph(*paths).parameters == small.parameters
    with pytest.raises(InputError, match=r"found 2 files to write, expected 1: \.onnx"):
        write_graph(small, paths, "onnx")
    with pytest.raises(InputError, match="same file twice"):
        write_graph(small, (paths[0], tmp_path / "c" / ".." / "a.txt"), "zqcnn")


def test_sources_are_never_overwritten(tmp_path, small):
    model, weights = write_graph(small, tmp_path / "net.zqparams")
    before = model.read_bytes(), weights.read_bytes()
    (tmp_path / "link.zqparams").symlink_to(model)
    (tmp_path / "hard.nchwbin").hardlink_to(weights)
    cases = ["net.zqparams", "./x/../net.zqparams", "link.zqparams", "hard.zqparams"]
    for name in cases:
        with pytest.raises(InputError, match="found the source itself"):
            write_graph(small, tmp_path / name, sources=(model, weights))
    # A model whose weights would land on the source's.
    with pytest.raises(InputError, match=r"net\.nchwbin: found the source itself"):
        write_graph(small, (tmp_path / "other.zqparams", weights), sources=(weights,))
    assert (model.read_bytes(), weights.read_bytes()) == before


@pytest.mark.parametrize("fails_at", ["encode", "write", "rename"])
def test_a_failure_leaves_what_was_there(fails_at, tmp_path, small, monkeypatch):
    model, weights = write_graph(small, tmp_path / "net.zqparams")
    before = model.read_bytes(), weights.read_bytes()
    graph = read_graph(TEXT, "random:7")
    if fails_at == "encode":
        node = Node("m", MaxFeatureMap(), ("x",), ("z",))
        graph = Graph(graph.inputs, (node,), ("z",))
        with pytest.raises(GraphError, match="MaxFeatureMap 'm'"):
            write_graph(graph, model)
    elif fails_at == "write":
        monkeypatch.setattr(writers, "token_hex", lambda n: "0000")
        (tmp_path / ".net.nchwbin.0000.part").mkdir()
        with pytest.raises(OSError, match=r"net\.nchwbin: cannot be written"):
            write_graph(graph, model)
        (tmp_path / ".net.nchwbin.0000.part").rmdir()
    else:

        def refuse(self, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match=r"net\.nchwbin: cannot be written: No space"):
            write_graph(graph, model)
    assert (model.read_bytes(), weights.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.nchwbin", "net.zqparams"]


def test_a_folder_that_is_not_there(tmp_path, small):
    with pytest.raises(OSError, match=r"net\.onnx: cannot be written: No such file"):
        write_graph(small, tmp_path / "no" / "net.onnx")


def test_files_are_replaced(tmp_path, small):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    write_graph(small, path)
    assert read_graph(path).parameters == small.parameters
