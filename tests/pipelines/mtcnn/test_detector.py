from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ZqcnnError
from zqcnn_xp.pipelines import MTCNN, Faces
from zqcnn_xp.vision.boxes import areas, overlaps
from zqcnn_xp.vision.io import read_image

IMAGES = ("4", "11", "1", "face", "face0", "keliamoniz1")
VARIANTS = (
    "author5", "author5big", "author5m60", "fast106dw112", "fast106v3s64", "fast5v2n", "fast5v2s",
    "plus106v2s96",
)  # fmt: skip


def _golden(shared_data: Path, variant: str, image: str) -> tuple[list[dict[str, Any]], np.ndarray]:
    file = shared_data / "golden" / "mtcnn" / f"mtcnn_{variant}_{image}.json"
    rows = json.loads(file.read_text())["results"]
    return rows, np.array([[r[k] for k in ("x1", "y1", "x2", "y2")] for r in rows]).reshape(-1, 4)


def _check(faces: Faces, rows: list[dict[str, Any]], boxes: np.ndarray) -> None:
    """The same boxes as sets, scores within 1e-4, landmarks within 0.05 pixels."""
    assert len(faces) == len(rows)
    mine, theirs = np.lexsort(faces.bbox.T), np.lexsort(boxes.T)
    np.testing.assert_array_equal(faces.bbox[mine], boxes[theirs])
    scores = np.array([row["score"] for row in rows])
    np.testing.assert_allclose(faces.det_score[mine], scores[theirs], atol=1e-4)
    for key, points in (("landmark106_xy", 106), ("landmark_x5_then_y5", 5)):
        if key in rows[0]:
            want = np.array([row[key] for row in rows])
            want = want.reshape(-1, 106, 2) if points == 106 else want.reshape(-1, 2, 5).mT
            got = faces.landmark_2d_106 if points == 106 else faces.kps
            assert got is not None
            np.testing.assert_allclose(got[mine], want[theirs], atol=0.05)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_golden(shared_data: Path, build: Any, variant: str, image: str) -> None:
    faces = build(variant).detect(shared_data / "images" / f"{image}.jpg")
    _check(faces, *_golden(shared_data, variant, image))


@pytest.mark.parametrize("variant", ["author5m60", "author5", "fast106dw112", "plus106v2s96"])
def test_golden_crowd(shared_data: Path, build: Any, variant: str) -> None:
    # Many scores are equal there, and the original's sort is not stable.
    rows, boxes = _golden(shared_data, variant, "test2")
    faces = build(variant).detect(shared_data / "images" / "test2.jpg")
    assert abs(len(faces) - len(rows)) <= 0.02 * len(rows)
    a, b = boxes.astype(np.float64), faces.bbox.astype(np.float64)
    best = overlaps(a, b, areas(a), areas(b)).max(axis=1)
    assert (best > 0.9).mean() >= 0.98


@pytest.mark.parametrize(
    ("variant", "image"),
    [
        ("author5m60", "4"),
        ("fast106v3s64", "11"),
        ("plus106v2s96", "face0"),
        ("author5big", "face"),
    ],
)
@pytest.mark.parametrize("backend", ["jax", "llvm"])
def test_golden_on_other_backends(
    shared_data: Path, build: Any, variant: str, image: str, backend: str
) -> None:
    pytest.importorskip({"llvm": "llvmlite"}.get(backend, backend))
    faces = build(variant, backend).detect(shared_data / "images" / f"{image}.jpg")
    _check(faces, *_golden(shared_data, variant, image))


def _photo(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package}, which carries the photo, is not installed")
    return Path(spec.origin).parent.joinpath(*parts)


@pytest.fixture(scope="module")
def hopper() -> np.ndarray:
    return read_image(_photo("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg"))


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return read_image(_photo("skimage", "data", "astronaut.png"))


@pytest.fixture(scope="module")
def default() -> MTCNN:
    return MTCNN(backend="numpy", min_face=40)


def _centre_inside(faces: Faces, x: tuple[float, float], y: tuple[float, float]) -> None:
    centre = (faces.bbox[0, :2] + faces.bbox[0, 2:]) / 2
    assert x[0] < centre[0] < x[1]
    assert y[0] < centre[1] < y[1]


def test_default_weights_find_the_faces(
    default: MTCNN, hopper: np.ndarray, astronaut: np.ndarray
) -> None:
    faces, other = default.detect([hopper, astronaut])
    _centre_inside(faces, (230, 300), (180, 250))
    _centre_inside(other, (205, 245), (95, 145))
    for found in (faces, other):
        assert found.det_score[0] > 0.95
        assert found.kps is not None
        left_eye, right_eye, nose, left_mouth, right_mouth = found.kps[0]
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_colour_order_is_the_callers_word(default: MTCNN, hopper: np.ndarray) -> None:
    want = default.detect(hopper)
    same = default.detect(np.ascontiguousarray(hopper[..., ::-1]), color="bgr")
    np.testing.assert_array_equal(same.bbox, want.bbox)
    swapped = default.detect(hopper, color="bgr")
    assert len(swapped) != len(want) or np.abs(swapped.bbox - want.bbox).max() > 0.1


def _equal(found: Faces, want: Faces) -> None:
    assert len(found) == len(want)
    np.testing.assert_allclose(found.bbox, want.bbox, atol=1e-2)
    np.testing.assert_allclose(found.det_score, want.det_score, atol=1e-5)
    assert found.kps is not None
    assert want.kps is not None
    np.testing.assert_allclose(found.kps, want.kps, atol=1e-2)


def test_lists_equal_single_images(
    default: MTCNN, hopper: np.ndarray, astronaut: np.ndarray
) -> None:
    images = [hopper, np.zeros((5, 7, 3), np.uint8), astronaut[:200], astronaut, hopper[::2, ::2]]
    together = default.detect(images)
    assert isinstance(together, list)
    for image, found in zip(images, together, strict=True):
        _equal(found, default.detect(image))
    assert default.detect([]) == []


def test_tiles_do_not_show(hopper: np.ndarray, default: MTCNN) -> None:
    tiled = MTCNN(backend="numpy", min_face=40, block=100)
    _equal(tiled.detect(hopper), default.detect(hopper))


def test_tiles_do_not_show_under_compat(shared_data: Path, build: Any) -> None:
    image = shared_data / "images" / "4.jpg"
    want, found = build("author5").detect(image), build("author5", block=128).detect(image)
    np.testing.assert_array_equal(found.bbox, want.bbox)


def test_threads_inside_a_call(hopper: np.ndarray, default: MTCNN) -> None:
    threaded = MTCNN(backend="numpy", min_face=40, threads=4)
    _equal(threaded.detect(hopper), default.detect(hopper))


def test_one_detector_in_eight_threads(
    default: MTCNN, hopper: np.ndarray, astronaut: np.ndarray
) -> None:
    images = [hopper, astronaut, hopper[100:, 50:], astronaut[:, ::-1]] * 4
    serial = [default.detect(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(default.detect, images))
    for found, want in zip(parallel, serial, strict=True):
        _equal(found, want)


def test_limits_keep_the_best(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    both = np.concatenate([hopper[:512, :512], astronaut], axis=1)
    one = MTCNN(backend="numpy", min_face=40, limits=(None, 1, None)).detect(both)
    assert len(one) == 1
    assert len(MTCNN(backend="numpy", min_face=40).detect(both)) >= 2


def test_early_accept_skips_the_output_network(hopper: np.ndarray) -> None:
    faces = MTCNN(backend="numpy", min_face=60, early_accept=0.8).detect(hopper)
    assert len(faces) >= 1
    assert faces.kps is None
    _centre_inside(faces, (230, 300), (170, 260))


def test_blur_and_big_faces(hopper: np.ndarray) -> None:
    for more in ({"blur": (3, 1.0)}, {"big_faces": True}, {"blur": "auto"}):
        faces = MTCNN(backend="numpy", min_face=60, **more).detect(hopper)  # type: ignore[arg-type]
        _centre_inside(faces, (230, 300), (180, 250))


@pytest.mark.parametrize("compat", [None, "zqcnn"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 500, 3), (11, 11, 3), (12, 12, 3), (30, 13, 3), (40, 60)]
)
def test_small_and_grey_images(
    default: MTCNN, build: Any, shape: tuple[int, ...], compat: str | None
) -> None:
    detector = default if compat is None else build("author5")
    faces = detector.detect(np.full(shape, 90, np.uint8))
    assert len(faces) == 0
    assert faces.bbox.shape == (0, 4)
    assert faces.kps is not None


@pytest.mark.parametrize(
    "image",
    [np.zeros((0, 4, 3), np.uint8), np.full((40, 40, 3), np.nan), "no-such-file.jpg", b"", None, 3],
)
def test_what_is_no_image(default: MTCNN, image: Any) -> None:
    with pytest.raises(ZqcnnError):
        default.detect(image)


def test_wrong_colour_name(default: MTCNN) -> None:
    with pytest.raises(InputError, match="color"):
        default.detect(np.zeros((40, 40, 3), np.uint8), color="gbr")


def test_no_landmark_arrays_without_faces(build: Any) -> None:
    faces = build("fast106v3s64").detect(np.zeros((100, 100, 3), np.uint8))
    assert faces.landmark_2d_106 is not None
    assert faces.landmark_2d_106.shape == (0, 106, 2)
