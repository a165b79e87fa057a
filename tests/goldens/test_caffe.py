"""Networks against the outputs of Caffe and OpenCV, on every backend, and from other formats."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.caffe import reader
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session

# Golden -> model file, colour order that it takes, mean, factor.
NETS = {
    "det1": ("det1", "turned", 127.5, 0.0078125),
    "det2": ("det2", "turned", 127.5, 0.0078125),
    "det3": ("det3", "turned", 127.5, 0.0078125),
    "landmark106": ("landmark106", "bgr", 127.5, 1 / 127.5),
    "mobilefacenet-v0": ("mobilefacenet-v0", "rgb", 127.5, 0.0078125),
    "no_bn": ("no_bn", "rgb", 127.5, 0.0078125),
    "ultraface-slim-320": ("slim-320", "rgb", 127.0, 1 / 128),
    "yufacedetectnet-open-v1": ("yufacedetectnet-open-v1", "bgr", (104.0, 117.0, 123.0), 1.0),
}
PARAMETERS = {
    "det1": 6632, "det2": 100178, "det3": 389040, "landmark106": 339922,
    "mobilefacenet-v0": 999859, "no_bn": 972355,
}  # fmt: skip
# OpenCV gives what a layer wrote, Caffe what is left of the blob after layers in place.
FIRST_WRITER = {"conv4_1": "conv4_1@conv4_1"}
TOLERANCE = 1e-5  # of the largest value of a blob; 3e-6 was seen


@pytest.fixture(params=["numpy", "llvm", "jax", "array_api_strict"])
def backend(request):
    if request.param == "llvm":
        pytest.importorskip("llvmlite")
    if request.param != "array_api_strict":
        yield get_backend(request.param)
        return
    strict = pytest.importorskip("array_api_strict")
    before = strict.get_array_api_strict_flags()
    strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(strict)
    strict.set_array_api_strict_flags(**before)


@cache
def load(data: Path, name: str) -> Graph:
    file = NETS[name][0]
    rest = name == "det2"  # the head for landmarks that its training had
    expected = pytest.warns(TrailingWeightsWarning) if rest else contextlib.nullcontext()
    with expected:
        return read_graph(data / "caffe" / f"{file}.prototxt")


@cache
def golden(data: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(data / "golden" / "peers" / "caffe" / f"{name}.npz") as file:
        return dict(file)


def expected(name, arrays, *kinds):
    """Blob -> array, for ``out`` and ``mid`` keys."""
    found = {}
    for key, value in arrays.items():
        kind, _, blob = key.partition("/")
        if kind in kinds:
            yu = name.startswith("yu")
            found[FIRST_WRITER.get(blob, blob) if yu else blob] = value
    return found


def error(found, want):
    assert found.shape == want.shape
    assert found.dtype == np.float32
    return float(np.abs(found - want).max() / max(1e-6, float(np.abs(want).max())))


def check(session, x, wanted, tolerance=TOLERANCE):
    assert wanted
    found = session(x, list(wanted))
    errors = {blob: error(found[blob], want) for blob, want in wanted.items()}
    worst = max(errors, key=lambda blob: errors[blob])
    assert errors[worst] <= tolerance, (worst, errors[worst])


@pytest.mark.parametrize("name", NETS)
def test_every_blob_of_the_original(shared_data, backend, name):
    arrays = golden(shared_data, name)
    session = Session(load(shared_data, name), backend)
    check(session, arrays["input"], expected(name, arrays, "out", "mid"))


@pytest.mark.parametrize("name", NETS)
def test_without_folding(shared_data, name):
    arrays = golden(shared_data, name)
    session = Session(load(shared_data, name), "numpy", fold=False)
    check(session, arrays["input"], expected(name, arrays, "out", "mid"))


@pytest.mark.parametrize("name", NETS)
def test_a_photo(shared_data, name):
    arrays = golden(shared_data, name)
    _, order, mean, factor = NETS[name]
    key = next(key for key in arrays if key.startswith("real/input"))
    image = arrays[key].astype(np.float32)
    x = (image - np.asarray(mean, np.float32)) * np.float32(factor)
    # MTCNN was trained on transposed images.
    x = x.transpose(2, 1, 0) if order == "turned" else x.transpose(2, 0, 1)
    wanted = {
        key.removeprefix("real/out/"): value
        for key, value in arrays.items()
        if key.startswith("real/out/")
    }
    if "detection_out" in wanted:
        # OpenCV fills up with rows of zeros.
        rows = wanted["detection_out"]
        wanted["detection_out"] = rows[:, :, np.abs(rows[0, 0]).sum(1) > 0]
        assert wanted["detection_out"].shape[2] == 12
    check(Session(load(shared_data, name), "numpy"), np.ascontiguousarray(x)[None], wanted)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(shared_data, name):
    graph = load(shared_data, name)
    norms = sum(isinstance(node.op, BatchNorm) for node in graph.nodes)
    # Caffe counts the scale factor that each BatchNorm's sums are divided by.
    assert graph.parameters + norms == PARAMETERS[name]


def test_a_batch_is_its_samples(shared_data):
    for name in ("ultraface-slim-320", "landmark106", "det3"):
        graph = load(shared_data, name)
        session = Session(graph, "numpy")
        _, c, h, w = graph.inputs[0].nominal
        x = np.random.default_rng(1).random((2, c, h // 2, w // 2), np.float32)
        if graph.inputs[0].shape[2] is not None:
            x = np.random.default_rng(1).random((2, c, h, w), np.float32)
        whole, first, second = session(x), session(x[:1]), session(x[1:])
        for blob, value in whole.items():
            parts = np.concatenate([first[blob], second[blob]])
            assert value.shape == parts.shape
            np.testing.assert_allclose(value, parts, rtol=1e-4, atol=1e-5)


def with_eps(graph, before, after):
    def changed(node):
        if isinstance(node.op, BatchNorm) and node.op.eps == before:
            return replace(node, op=replace(node.op, eps=after))
        return node

    return replace(graph, nodes=tuple(changed(node) for node in graph.nodes))


def test_no_bn_is_v0_folded_with_another_epsilon(shared_data):
    x = golden(shared_data, "mobilefacenet-v0")["input"]
    v0, folded = load(shared_data, "mobilefacenet-v0"), load(shared_data, "no_bn")
    want = Session(folded, "numpy")(x)["fc1"]
    same = Session(with_eps(v0, 0.001, 1e-5), "numpy")(x)["fc1"]
    assert error(same, want) < 1e-5
    stated = Session(v0, "numpy")(x)["fc1"]
    cosine = (stated * want).sum() / np.linalg.norm(stated) / np.linalg.norm(want)
    assert cosine == pytest.approx(0.9888, abs=1e-4)


@pytest.mark.parametrize("name", ["det1", "det2", "det3"])
def test_mtcnn_is_that_of_zqcnn_turned_and_of_the_other_colour_order(shared_data, name):
    caffe = load(shared_data, name)
    folder = shared_data / "zqcnn"
    zqcnn = read_graph(folder / f"{name}.zqparams", folder / f"{name}_bgr.nchwbin")
    _, c, h, w = caffe.inputs[0].nominal
    size = (30, 41) if name == "det1" else (h, w)
    x = np.random.default_rng(2).random((2, c, *size), np.float32) * 2 - 1
    turned = np.ascontiguousarray(x[:, ::-1].transpose(0, 1, 3, 2))
    # ZQCNN's det1 has no boxes.
    heads = {"det1": ["conv4-1"], "det2": ["conv5-2"], "det3": ["conv6-2", "conv6-3"]}[name]
    ours = Session(caffe, "numpy")(x, ["prob1", *heads])
    theirs = Session(zqcnn, "numpy")(turned, ["prob1", *heads])
    for blob, value in ours.items():
        other = theirs[blob].transpose(0, 1, 3, 2) if value.ndim == 4 else theirs[blob]
        assert error(other.reshape(value.shape), value) < 1e-4, blob


def test_libfacedetection_is_that_of_zqcnn(shared_data):
    caffe = load(shared_data, "yufacedetectnet-open-v1")
    folder = shared_data / "zqcnn"
    name = "libfacedetection"
    zqcnn = read_graph(folder / f"{name}.zqparams", folder / f"{name}.nchwbin")
    arrays = golden(shared_data, "yufacedetectnet-open-v1")
    x = arrays["real/input_u8_hwc"].astype(np.float32) - np.float32([104, 117, 123])
    x = np.ascontiguousarray(x.transpose(2, 0, 1))[None]
    blobs = ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox"]
    ours, theirs = Session(caffe, "numpy"), Session(zqcnn, "numpy")
    one, two = ours(x, blobs), theirs(x, blobs)
    for blob in blobs:
        assert error(two[blob].reshape(one[blob].shape), one[blob]) < 1e-4, blob


def test_the_format_is_found(shared_data):
    path = shared_data / "caffe" / "det1.prototxt"
    assert reader.name == "caffe"
    assert [n.name for n in read_graph(path).nodes] == [n.name for n in reader.read(path).nodes]
