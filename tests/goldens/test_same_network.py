"""The same network in two formats gives the same result; where weights differ, that is stated."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats import read_graph
from zqcnn_xp.graph import Graph
from zqcnn_xp.session import Session

TOLERANCE = 1e-5  # of the largest value; 2e-6 was seen
DATA = np.random.default_rng(3).random((2, 3, 96, 128), np.float32)


@cache
def load(data: Path, *files: str) -> Graph:
    # test_zqcnn_goldens.py asks for this one's warning.
    rest = pytest.warns(TrailingWeightsWarning) if "zqcnn/det1" in files[0] else nullcontext()
    with rest:
        return read_graph(*(data / file for file in files))


def error(found, want):
    assert found.shape == want.shape
    return float(np.abs(found - want).max() / np.abs(want).max())


def kernels(graph):
    return [node.weights["weight"] for node in graph.nodes if "weight" in node.weights]


@pytest.mark.parametrize("backend", ["numpy", "llvm", "jax"])
def test_yoloface_500k_of_darknet_is_that_of_ncnn(shared_data, backend):
    darknet = load(shared_data, "darknet/yoloface-500k.cfg", "darknet/yoloface-500k.weights")
    ncnn = load(shared_data, "ncnn/yoloface-500k.param", "ncnn/yoloface-500k.bin")
    ours, theirs = Session(darknet, backend)(DATA), Session(ncnn, backend)(DATA)
    pairs = {
        one["input"]: two["input"]
        for one, two in zip(darknet.meta["heads"], ncnn.meta["heads"], strict=True)
    }
    assert tuple(ours) == tuple(pairs)
    assert [value.shape[2:] for value in ours.values()] == [(6, 8), (12, 16), (24, 32)]
    for one, two in pairs.items():
        assert error(np.asarray(theirs[two]), np.asarray(ours[one])) < TOLERANCE


@pytest.mark.parametrize("backend", ["numpy", "llvm", "jax"])
def test_ultraface_rfb_of_onnx_is_that_of_ncnn(shared_data, backend):
    x = np.random.default_rng(4).random((1, 3, 240, 320), np.float32) * 2 - 1
    ncnn = load(shared_data, "ncnn/RFB-320.param", "ncnn/RFB-320.bin")
    theirs = Session(ncnn, backend)(x)
    for name in ("version-RFB-320_simplified", "version-RFB-320_without_postprocessing"):
        ours = Session(load(shared_data, f"onnx/{name}.onnx"), backend)(x)
        assert set(ours) == set(theirs) == {"boxes", "scores"}
        for blob, value in ours.items():
            assert error(np.asarray(theirs[blob]), np.asarray(value)) < TOLERANCE, (name, blob)


def test_the_plain_export_of_ultraface_decodes_the_boxes(shared_data):
    """Of priors in the middles of the cells, moved and stretched, it gives the corners."""
    x = np.random.default_rng(4).random((1, 3, 240, 320), np.float32) * 2 - 1
    raw = Session(load(shared_data, "onnx/version-RFB-320_simplified.onnx"), "numpy")(x)
    plain = Session(load(shared_data, "onnx/version-RFB-320.onnx"), "numpy")(x)
    assert error(plain["scores"], raw["scores"]) < TOLERANCE
    smallest = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
    priors = []
    for step, sizes in zip((8, 16, 32, 64), smallest, strict=True):
        height, width = -(-240 // step), -(-320 // step)
        for j in range(height):
            for i in range(width):
                middle = ((i + 0.5) / width, (j + 0.5) / height)
                priors += [(*middle, size / 320, size / 240) for size in sizes]
    prior = np.minimum(np.array(priors), 1)
    offset = raw["boxes"][0].astype(np.float64)
    middle = offset[:, :2] * 0.1 * prior[:, 2:] + prior[:, :2]
    half = np.exp(offset[:, 2:] * 0.2) * prior[:, 2:] / 2
    corners = np.concatenate([middle - half, middle + half], axis=1)
    assert error(plain["boxes"][0], corners) < 1e-5


def unit(kernel):
    """Filters as columns of length 1."""
    flat = kernel.reshape(-1, kernel.shape[-1])
    return flat / np.linalg.norm(flat, axis=0)


def alike(one, two):
    """Smallest of the best cosines of the filters, of either colour order, turned or not."""
    found = []
    for colours in (two, two[:, :, ::-1]):
        for kernel in (colours, colours.transpose(1, 0, 2, 3)):
            found.append(np.abs(unit(one).T @ unit(kernel)).max(axis=1).min())
    return float(max(found))


MOBILEFACENETS = {
    "mxnet": ("mxnet/mobilefacenet/model-symbol.json", "mxnet/mobilefacenet/model-0000.params"),
    "ncnn": ("ncnn/mobilefacenet.param", "ncnn/mobilefacenet.bin"),
    "caffe": ("caffe/mobilefacenet-v0.prototxt", "caffe/mobilefacenet-v0.caffemodel"),
    "folded": ("caffe/no_bn.prototxt", "caffe/no_bn.caffemodel"),
}


def test_four_files_of_mobilefacenet_are_two_networks(shared_data):
    """MXNet's and ncnn's are one, and both of Caffe another, trained to other weights."""
    first = {name: kernels(load(shared_data, *MOBILEFACENETS[name]))[0] for name in MOBILEFACENETS}
    assert alike(first["mxnet"], first["ncnn"]) > 0.99999
    assert alike(first["caffe"], first["folded"]) > 0.99999
    assert alike(first["mxnet"], first["caffe"]) < 0.7
    pixels = np.random.default_rng(5).integers(0, 256, (2, 3, 112, 112)).astype(np.float32)
    normalised = (pixels - np.float32(127.5)) * np.float32(0.0078125)
    vectors = {}
    for name, files in MOBILEFACENETS.items():
        # Those of Caffe leave normalisation to the caller.
        x = normalised if name in ("caffe", "folded") else pixels
        (found,) = Session(load(shared_data, *files), "numpy")(x).values()
        vectors[name] = found.reshape(2, -1) / np.linalg.norm(found.reshape(2, -1), axis=1)[:, None]
    assert all(value.shape == (2, 128) for value in vectors.values())
    same = (vectors["mxnet"] * vectors["ncnn"]).sum(axis=1)
    assert np.all(same > 1 - 1e-6)
    # They differ by the epsilon that the one was folded with: test_caffe.py compares exactly.
    assert np.all((vectors["caffe"] * vectors["folded"]).sum(axis=1) > 0.98)
    assert np.all(np.abs((vectors["mxnet"] * vectors["caffe"]).sum(axis=1)) < 0.5)


@pytest.mark.parametrize("name", ["det1-dw20-fast", "det2-dw24-fast", "det3-dw48-fast"])
def test_the_fast_detectors_of_zqcnn_and_ncnn_share_only_their_names(shared_data, name):
    """Layers or weights differ from the first convolution on: no results to compare."""
    ours = kernels(load(shared_data, f"zqcnn/{name}.zqparams", f"zqcnn/{name}.nchwbin"))
    theirs = kernels(load(shared_data, f"ncnn/{name}.param", f"ncnn/{name}.bin"))
    if ours[0].shape == theirs[0].shape:
        assert name == "det1-dw20-fast"
        assert alike(ours[0], theirs[0]) < 0.5
    else:
        assert [kernel.shape for kernel in ours] != [kernel.shape for kernel in theirs]
