"""Networks against the outputs of Darknet itself, on every backend."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats import read_graph
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session
from zqcnn_xp.vision.nms import nms

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


def by_centres(corners, scores, threshold):
    """Greedy suppression whose overlap is less the farther the centres are apart."""
    left = []
    for place in np.argsort(-scores):
        x1, y1, x2, y2 = corners[place]
        for other in corners[left]:
            low, high = np.maximum((x1, y1), other[:2]), np.minimum((x2, y2), other[2:])
            inner = np.prod(np.maximum(high - low, 0))
            both = (x2 - x1) * (y2 - y1) + np.prod(other[2:] - other[:2]) - inner
            span = np.maximum((x2, y2), other[2:]) - np.minimum((x1, y1), other[:2])
            apart = (np.array((x1 + x2, y1 + y2)) - other[:2] - other[2:]) / 2
            if inner / both - (apart @ apart / (span @ span)) ** 0.6 > threshold:
                break
        else:
            left.append(place)
    return left


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("key", ["dets_nms_sort", "dets_nms_cfg", "opencv_dets"])
def test_boxes_that_are_left(shared_data, name, key):
    """Each class drops its own overlaps, in one fork by the distance of the centres too."""
    graph = load(shared_data, name, 1e-6 if key == "opencv_dets" else 1e-5)
    arrays = golden(shared_data, name)
    raws = Session(graph, "numpy")(real_input(arrays))
    rows = boxes(graph, arrays, raws, 0.3 if name.startswith("yoloface") else 0.25)
    corners = np.concatenate([rows[:, 3:5] - rows[:, 5:] / 2, rows[:, 3:5] + rows[:, 5:] / 2], 1)
    suppress = by_centres if (name, key) == ("yolo-fastest-1.0", "dets_nms_cfg") else nms
    left = []
    for kind in np.unique(rows[:, 0]):
        (places,) = np.nonzero(rows[:, 0] == kind)
        left += rows[places[suppress(corners[places], rows[places, 1], 0.45)]].tolist()
    want = np.asarray(sorted(arrays[f"real/{key}"].tolist()))
    found = np.asarray(sorted(left))
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_opencv_s_region_layer(shared_data, name):
    """Rows of cells, then anchors: box, objectness, and classes times it from 0.2."""
    graph, arrays = load(shared_data, name, 1e-6), golden(shared_data, name)
    raws = Session(graph, "numpy")(arrays["input"])
    height, width = arrays["input"].shape[2:]
    for head in graph.meta["heads"]:
        raw = split(head, raws[head["input"]]).astype(np.float64)
        _, _, h, w = raw.shape
        y, x = np.mgrid[:h, :w]
        scale, offset = head["scale_x_y"], (head["scale_x_y"] - 1) / 2
        found = sigmoid(raw)
        found[:, 0] = (found[:, 0] * scale - offset + x) / w
        found[:, 1] = (found[:, 1] * scale - offset + y) / h
        sizes = np.array([head["anchors"][k] for k in head["mask"]])
        found[:, 2] = np.exp(raw[:, 2]) * sizes[:, 0, None, None] / width
        found[:, 3] = np.exp(raw[:, 3]) * sizes[:, 1, None, None] / height
        found[:, 5:] *= found[:, 4:5]
        rows = found.transpose(2, 3, 0, 1).reshape(-1, raw.shape[1])
        want = arrays[f"opencv/{head['name']}"]
        assert rows.shape == want.shape
        np.testing.assert_allclose(rows[:, :5], want[:, :5], rtol=1e-4, atol=1e-4)
        shown = want[:, 5:] > 0
        np.testing.assert_allclose(rows[:, 5:][shown], want[:, 5:][shown], atol=1e-4)
        assert np.all(rows[:, 5:][~shown] < 0.2001)


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
