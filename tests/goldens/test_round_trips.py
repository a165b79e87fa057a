"""Networks of every format that is read, written in every format, by the judgement of peers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from zqcnn_xp.cli.convert import read_back
from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.writers import WRITERS, write_graph
from zqcnn_xp.session import Session

# File -> input size; formats that cannot say it, with the layer that they name.
NETS = {
    "caffe/landmark106.prototxt": ((112, 112), {}),
    "caffe/slim-320.prototxt": ((96, 128), {}),
    "caffe/yufacedetectnet-open-v1.prototxt": (
        (96, 128),
        dict.fromkeys(("onnx", "ncnn"), "PriorBox 'conv3_3_norm_mbox_priorbox/boxes'"),
    ),
    "darknet/yolo-fastest.cfg": ((96, 64), {}),
    "darknet/yoloface-500k-v2.cfg": ((96, 64), {"zqcnn": "Activation 'convolutional_66'"}),
    "mxnet/GA112-symbol.json": ((112, 112), {"zqcnn": "Slice 'slice_axis1'"}),
    "ncnn/yoloface-500k.param": ((96, 64), {}),
    "onnx/version-RFB-320_simplified.onnx": ((240, 320), {}),
}
CASES = [(net, format) for net in NETS for format in WRITERS]
EXACT = ("safetensors", "code")


@cache
def load(data, net):
    return read_graph(data / net)


@cache
def run(data, net):
    height, width = NETS[net][0]
    x = np.random.default_rng(7).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
    return x, Session(load(data, net), "numpy", fold=False)(x)


@pytest.mark.parametrize(("net", "format"), CASES)
def test_read_write_read(shared_data, tmp_path, net, format):
    graph, (x, want) = load(shared_data, net), run(shared_data, net)
    path = tmp_path / f"net{WRITERS[format].suffixes[0]}"
    if format in NETS[net][1]:
        with pytest.raises(GraphError, match=NETS[net][1][format]):
            write_graph(graph, path, format)
        assert not any(tmp_path.iterdir())
        return
    again = read_back(format, write_graph(graph, path, format))
    found = Session(again, "numpy", fold=False)(x)
    # The outputs of ncnn are in the order of its layers.
    assert set(found) == set(want)
    for name, value in want.items():
        np.testing.assert_array_equal(found[name].reshape(value.shape), value)
    if format in EXACT:
        assert [node.op for node in again.nodes] == [node.op for node in graph.nodes]
        assert (again.inputs, again.outputs, again.meta) == (
            graph.inputs, graph.outputs, graph.meta
        )  # fmt: skip
        for one, two in zip(again.nodes, graph.nodes, strict=True):
            assert {k: w.tobytes() for k, w in one.weights.items()} == {
                k: w.tobytes() for k, w in two.weights.items()
            }


@pytest.mark.parametrize("net", [net for net in NETS if "onnx" not in NETS[net][1]])
def test_onnx_written_here_runs_in_onnx_runtime(shared_data, tmp_path, net):
    ort = pytest.importorskip("onnxruntime")
    x, want = run(shared_data, net)
    (path,) = write_graph(load(shared_data, net), tmp_path / "net.onnx")
    peer = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    found = peer.run(list(want), {peer.get_inputs()[0].name: x})
    for have, value in zip(found, want.values(), strict=True):
        assert have.shape == value.shape
        assert np.abs(have - value).max() <= 1e-5 * max(1.0, float(np.abs(value).max()))


@pytest.mark.parametrize("net", [net for net in NETS if "ncnn" not in NETS[net][1]])
def test_ncnn_written_here_runs_in_ncnn(shared_data, tmp_path, net):
    ncnn = pytest.importorskip("ncnn")
    x, want = run(shared_data, net)
    graph = load(shared_data, net)
    param, weights = write_graph(graph, tmp_path / "net.param")
    peer = ncnn.Net()
    peer.opt.use_fp16_packed = peer.opt.use_fp16_storage = peer.opt.use_fp16_arithmetic = False
    peer.opt.use_winograd_convolution = peer.opt.use_packing_layout = False
    peer.opt.num_threads = 1
    assert peer.load_param(str(param)) == 0
    assert peer.load_model(str(weights)) == 0
    extractor = peer.create_extractor()
    extractor.input(graph.inputs[0].name, ncnn.Mat(x[0]).clone())
    for name, value in want.items():
        code, found = extractor.extract(name)
        assert code == 0, name
        have = np.array(found).reshape(value.shape)
        assert np.abs(have - value).max() <= 1e-4 * max(1.0, float(np.abs(value).max())), name
