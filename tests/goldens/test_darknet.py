"""Networks against the outputs of Darknet itself, on every backend."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats import list_formats, read_graph
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session

# Golden -> model file.
NETS = {
    "mbv2-fastest-voc-v1": "MobileNetV2-YOLO-Fastest-voc",
    "nano-voc": "MobileNetV2-YOLOv3-Nano-voc",
    "yolo-fastest-1.0": "yolo-fastest",
    "yoloface-100k": "yoloface-100k",
    "yoloface-500k-v1": "yoloface-500k",
    "yoloface-500k-v2": "yoloface-500k-v2",
}
TOLERANCE = 1e-5  # of the largest value of a blob; 2.3e-6 was seen


@pytest.fixture(params=["numpy", "jax", "array_api_strict"])
def backend(request):
    if request.param != "array_api_strict":
        yield get_backend(request.param)
        return
    strict = pytest.importorskip("array_api_strict")
    before = strict.get_array_api_strict_flags()
    strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(strict)
    strict.set_array_api_strict_flags(**before)


@cache
def load(data: Path, name: str, eps: float = 1e-5) -> Graph:
    return read_graph(data / "darknet" / f"{NETS[name]}.cfg", bn_eps=eps)


@cache
def golden(data: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(data / "golden" / "peers" / "darknet" / f"{name}.npz") as file:
        return dict(file)


def expected(arrays, *prefixes):
    """Blob name -> array; ``raw_50`` is what convolution 50 writes."""
    found = {}
    for key, value in arrays.items():
        prefix, _, rest = key.partition("/")
        if prefix in prefixes and not rest.startswith(("yolo", "dets", "input", "opencv")):
            kind, _, index = rest.rpartition("_")
            found[f"convolutional_{index}" if kind == "raw" else rest] = value
    return found


def check(session, x, wanted):
    assert wanted
    found = session(x, list(wanted))
    for name, want in wanted.items():
        assert found[name].shape == want.shape, name
        scale = max(1.0, float(np.abs(want).max()))
        assert float(np.abs(found[name] - want).max()) <= TOLERANCE * scale, name


@pytest.mark.parametrize("name", NETS)
def test_every_blob(shared_data, backend, name):
    arrays = golden(shared_data, name)
    wanted = expected(arrays, "out", "mid")
    assert len(wanted) >= 6
    check(Session(load(shared_data, name), backend), arrays["input"], wanted)


@pytest.mark.parametrize("name", NETS)
def test_outputs_and_the_other_epsilon(shared_data, name):
    arrays = golden(shared_data, name)
    wanted = expected(arrays, "eps1e-6")
    assert tuple(wanted) == load(shared_data, name).outputs
    check(Session(load(shared_data, name, 1e-6), "numpy"), arrays["input"], wanted)
    with pytest.raises(AssertionError):
        check(Session(load(shared_data, name), "numpy"), arrays["input"], wanted)


def real_input(arrays):
    image = arrays["real/input_u8_hwc_rgb"].astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("name", NETS)
def test_photos(shared_data, name):
    arrays = golden(shared_data, name)
    wanted = expected(arrays, "real")
    for fold in (True, False):
        session = Session(load(shared_data, name), "numpy", fold=fold)
        check(session, real_input(arrays), wanted)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def split(head, raw):
    """A raw map as (anchors, 5 + classes, H, W)."""
    return raw[0].reshape(len(head["mask"]), 5 + head["classes"], *raw.shape[2:])


@pytest.mark.parametrize("name", NETS)
def test_heads_say_what_darknet_does_with_the_maps(shared_data, name):
    graph, arrays = load(shared_data, name), golden(shared_data, name)
    raws = Session(graph, "numpy")(arrays["input"])
    for head in graph.meta["heads"]:
        raw = split(head, raws[head["input"]])
        want = split(head, arrays[f"out/{head['name']}"])
        found = raw.astype(np.float64)
        scale = head["scale_x_y"]
        found[:, :2] = sigmoid(raw[:, :2]) * scale - (scale - 1) / 2
        found[:, 4:] = sigmoid(raw[:, 4:])
        assert np.abs(found - want).max() < 1e-4


def boxes(graph, arrays, raws, threshold):
    """Rows (class, probability, objectness, centre, size), relative to the image."""
    rows = []
    height, width = arrays["real/input_u8_hwc_rgb"].shape[:2]
    for head in graph.meta["heads"]:
        raw = split(head, raws[head["input"]])
        scale = head["scale_x_y"]
        for place, anchor in enumerate(head["mask"]):
            cells = raw[place]
            _, h, w = cells.shape
            y, x = np.mgrid[:h, :w]
            offset = (scale - 1) / 2
            parts = (
                (sigmoid(cells[0]) * scale - offset + x) / w,
                (sigmoid(cells[1]) * scale - offset + y) / h,
                np.exp(cells[2]) * head["anchors"][anchor][0] / width,
                np.exp(cells[3]) * head["anchors"][anchor][1] / height,
            )
            box, objectness = np.stack(parts), sigmoid(cells[4])
            scores = sigmoid(cells[5:]) * objectness
            for c, i, j in np.argwhere((scores > threshold) & (objectness > threshold)):
                rows.append([c, scores[c, i, j], objectness[i, j], *box[:, i, j]])
    return np.asarray(sorted(rows))


@pytest.mark.parametrize("name", NETS)
def test_heads_lead_to_darknet_s_boxes(shared_data, name):
    graph, arrays = load(shared_data, name), golden(shared_data, name)
    raws = Session(graph, "numpy")(real_input(arrays))
    want = np.asarray(sorted(arrays["real/dets_all"].tolist()))
    found = boxes(graph, arrays, raws, 0.3 if name.startswith("yoloface") else 0.25)
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, atol=1e-4)


@pytest.mark.parametrize("kind", ["down_32x24", "up_80x64", "same_53x37"])
def test_darknet_s_resize_is_bilinear_between_the_ends(shared_data, kind):
    arrays = golden(shared_data, "_resize_letterbox")
    width, height = (int(size) for size in kind.partition("_")[2].split("x"))
    x = arrays["input"].transpose(1, 2, 0)[None]

    def resize(h, w):
        op = Upsample("bilinear", "ends", size=(h, w))
        return op.forward(np, {}, x)[0][0].transpose(2, 0, 1)

    np.testing.assert_allclose(resize(height, width), arrays[f"resize_{kind}"], atol=1e-5)
    boxed = np.full((3, height, width), 0.5, np.float32)
    if width / 53 < height / 37:
        h, w = 37 * width // 53, width
    else:
        h, w = height, 53 * height // 37
    top, left = (height - h) // 2, (width - w) // 2
    boxed[:, top : top + h, left : left + w] = resize(h, w)
    np.testing.assert_allclose(boxed, arrays[f"letterbox_{kind}"], atol=1e-5)


def test_yoloface_from_ncnn_is_the_same(shared_data):
    files = [shared_data / "ncnn" / f"yoloface-500k.{end}" for end in ("param", "bin")]
    if "ncnn" not in list_formats():
        pytest.skip("there is no reader of ncnn's files")
    text = files[0].read_text().splitlines()
    (last,) = [line.split() for line in text if line.startswith("Yolov3DetectionOutput")]
    raws = last[4 : 4 + int(last[2])]
    x = golden(shared_data, "yoloface-500k-v1")["input"]
    theirs = Session(read_graph(*files), "numpy")(x, raws)
    ours = Session(load(shared_data, "yoloface-500k-v1"), "numpy")(x)
    assert len(ours) == len(theirs) == 3
    for a, b in zip(ours.values(), theirs.values(), strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
