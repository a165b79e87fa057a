"""Networks against the outputs of ncnn, and the same networks from other formats."""

from __future__ import annotations

import contextlib
import warnings
from functools import cache

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats import mxnet
from zqcnn_xp.formats.ncnn import reader
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session
from zqcnn_xp.vision.nms import nms

# Golden -> file, and what turns a resized image's bytes into the input.
NETS = {
    "landmark106": ("landmark106", lambda x: (x - 127.5) / 127.5),
    "mobilefacenet": ("mobilefacenet", lambda x: x),
    "ultraface-RFB-320": ("RFB-320", lambda x: (x - 127) / 128),
    "yolo-fastest-1.1_body": ("yolo-fastest-1.1_body", lambda x: x / 255),
    "yoloface-500k": ("yoloface-500k", lambda x: x / 255),
}
BOXES = "output"  # of the decoder, which is left out: what it reads is compared
TOLERANCE = 1e-4


@contextlib.contextmanager
def strictest():
    array_api_strict = pytest.importorskip("array_api_strict")
    before = array_api_strict.get_array_api_strict_flags()
    array_api_strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(array_api_strict)
    array_api_strict.set_array_api_strict_flags(**before)


@pytest.fixture(params=["numpy", "llvm", "jax", "array_api_strict"])
def backend(request):
    if request.param == "array_api_strict":
        with strictest() as made:
            yield made
        return
    pytest.importorskip({"llvm": "llvmlite"}.get(request.param, request.param))
    yield get_backend(request.param)


@cache
def graph(data, file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return reader.read(data / "ncnn" / f"{file}.param")


def runs(data, name, kinds):
    """(input, blob -> expected without a batch)."""
    with np.load(data / "golden" / "peers" / "ncnn" / f"{name}.npz") as file:
        arrays = dict(file)
    parts = {"": arrays["input"]}
    if "real" in kinds:
        image = arrays["real/input_u8_hwc"].astype(np.float32)
        parts = {"real/": np.float32(NETS[name][1](image)).transpose(2, 0, 1)[None]}
    for prefix, x in parts.items():
        wanted = {
            key.rpartition("/")[2]: value
            for key, value in arrays.items()
            if key.startswith((f"{prefix}out/", f"{prefix}mid/")) and not key.endswith(BOXES)
        }
        assert wanted
        yield np.ascontiguousarray(x), wanted


def check(session, x, wanted, tolerance=TOLERANCE):
    found = session(x, list(wanted))
    for blob, want in wanted.items():
        assert found[blob].shape == (1, *want.shape), blob
        error = float(np.abs(found[blob][0] - want).max()) / max(1.0, float(np.abs(want).max()))
        assert error <= tolerance, blob


@pytest.mark.parametrize("name", NETS)
def test_outputs_and_inner_blobs(shared_data, backend, name):
    session = Session(graph(shared_data, NETS[name][0]), backend)
    for x, wanted in runs(shared_data, name, ()):
        check(session, x, wanted)


@pytest.mark.parametrize("name", NETS)
def test_real_images(shared_data, name):
    session = Session(graph(shared_data, NETS[name][0]), "numpy", fold=False)
    for x, wanted in runs(shared_data, name, ("real",)):
        check(session, x, wanted)


def test_heads_of_a_detector_are_its_outputs(shared_data):
    found = graph(shared_data, "yoloface-500k")
    heads = found.meta["heads"]
    assert found.outputs == ("64_540", "72_599", "80_658")
    assert tuple(head["input"] for head in heads) == found.outputs
    for head in heads:
        assert (head["type"], head["classes"], head["num"]) == ("yolo", 1, 9)
        assert (head["score"], head["score_threshold"]) == ("nested", 0.55)
        assert head["anchors"][-1] == (141, 149)
    assert [head["mask"] for head in heads] == [(6, 7, 8), (3, 4, 5), (0, 1, 2)]
    assert [head["stride"] for head in heads] == [16, 8, 4]
    assert found.inputs[0].shape == (None, 3, None, None)
    assert found.inputs[0].nominal == (1, 3, 256, 320)


def decoded(head, raw):
    """Rows (label from 1, score, corners), relative to the image, as ncnn computes them."""
    rows = []
    _, _, height, width = raw.shape
    y, x = np.mgrid[:height, :width]
    maps = raw[0].astype(np.float64).reshape(len(head["mask"]), -1, height, width)
    for anchor, cells in zip(head["mask"], maps, strict=True):
        offset, size = 1 / (1 + np.exp(-cells[:2])), np.exp(cells[2:4])
        w, h = size * np.reshape(head["anchors"][anchor], (2, 1, 1)) / head["stride"]
        w, h = w / width, h / height
        cx, cy = (offset[0] + x) / width, (offset[1] + y) / height
        best = cells[5:].argmax(axis=0)
        assert head["score"] == "nested"
        score = 1 / (1 + np.exp(-cells[4]) * (1 + np.exp(-cells[5:].max(axis=0))))
        box = np.stack([best + 1, score, cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=-1)
        rows += box[score >= head["score_threshold"]].tolist()
    return rows


@pytest.mark.parametrize("name", ["yoloface-500k", "yolo-fastest-1.1_body"])
def test_heads_lead_to_the_boxes_of_ncnn(shared_data, name):
    found = graph(shared_data, NETS[name][0])
    ((x, _),) = runs(shared_data, name, ("real",))
    with np.load(shared_data / "golden" / "peers" / "ncnn" / f"{name}.npz") as file:
        want = file["real/out/output"]
    raws = Session(found, "numpy")(x)
    heads = found.meta["heads"]
    rows = np.array([row for head in heads for row in decoded(head, raws[head["input"]])])
    left = nms(rows[:, 2:], rows[:, 1], heads[0]["nms_threshold"])
    assert len(left) == len(want) > 0
    by_score = np.argsort(-want[:, 1])
    np.testing.assert_allclose(rows[left], want[by_score], atol=2e-5)


def test_sizes_that_no_file_names(shared_data):
    for file, size in (("det2-dw24-fast", 24), ("det3-dw48-fast", 48), ("mobilefacenet", 112)):
        assert graph(shared_data, file).inputs[0].shape == (None, 3, size, size)
    for file in ("det1-dw20-fast", "RFB-320"):
        assert graph(shared_data, file).inputs[0].shape == (None, 3, None, None)


def test_mobilefacenet_is_the_one_of_mxnet_up_to_a_rounded_constant(shared_data):
    """The .param file holds 0.0078125 as 0.007813, which alone moves the result by 9e-5."""
    folder = shared_data / "mxnet" / "mobilefacenet"
    theirs = mxnet.reader.read(folder / "model-symbol.json", folder / "model-0000.params")
    text = (shared_data / "ncnn" / "mobilefacenet.param").read_bytes()
    assert b"2=0.007813" in text
    weights = shared_data / "ncnn" / "mobilefacenet.bin"
    exact = reader.read(text.replace(b"2=0.007813", b"2=0.0078125"), weights)
    with np.load(shared_data / "golden" / "peers" / "mxnet" / "mobilefacenet-y1.npz") as file:
        x = file["input"]
    want = Session(theirs, "numpy")(x)["fc1_output"]
    scale = max(1.0, float(np.abs(want).max()))
    close = float(np.abs(Session(exact, "numpy")(x)["fc1"] - want).max()) / scale
    rounded = Session(graph(shared_data, "mobilefacenet"), "numpy")(x)["fc1"]
    away = float(np.abs(rounded - want).max()) / scale
    assert close < 5e-6
    assert 2e-5 < away < 2e-4
