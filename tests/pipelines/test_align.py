"""Aligned crops: any number of faces and images, on the host and on backends."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.pipelines import align as module
from zqcnn_xp.pipelines.align import align_blocks, align_faces
from zqcnn_xp.testing.check_op import installed
from zqcnn_xp.vision.templates import TEMPLATES, Template, get_template
from zqcnn_xp.vision.warp_opencv import opencv_is_exact

POINTS = get_template("arcface").points
BACKENDS = [name for name in installed() if name != "read-only"]


def backend_of(name):
    if name in ("numpy", "jax"):
        return name
    return Backend(pytest.importorskip(name))


def scene(seed, images=4, most=4):
    """Images of noise with points of faces on them."""
    rng = np.random.default_rng(seed)
    pictures, points = [], []
    for _ in range(images):
        height, width = rng.integers(1, 300, 2)
        pictures.append(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        n = rng.integers(0, most + 1)
        angle, scale = rng.uniform(-1, 1, n), np.exp(rng.uniform(-1, 1, n))
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.stack([cos, sin, -sin, cos], -1).reshape(n, 2, 2)
        middle = rng.uniform(0, 1, (n, 1, 2)) * (width, height)
        points.append((POINTS - 56) @ linear + middle + rng.normal(size=(n, 5, 2)))
    return pictures, points


def expected(image, face, template):
    """OpenCV's own affine warp by the transform of the template."""
    matrix = get_template(template).transforms(face[None])[0]
    height, width = get_template(template).size
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)


@pytest.mark.skipif(not opencv_is_exact(), reason="this OpenCV rounds places")
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_face_is_what_opencv_makes_of_it(template):
    images, points = scene(1)
    crops = align_faces(images, points, template)
    wanted = [
        expected(image, face, template)
        for image, faces in zip(images, points, strict=True)
        for face in faces
    ]
    assert crops.dtype == np.uint8
    assert crops.shape == (len(wanted), *get_template(template).size, 3)
    assert np.abs(crops.astype(int) - np.stack(wanted)).max() <= 1


@pytest.mark.parametrize("name", BACKENDS)
def test_both_engines_agree(name):
    images, points = scene(2)
    host = align_faces(images, points)
    found = align_faces(images, points, backend=backend_of(name), engine="array")
    assert np.abs(found.astype(int) - host).max() <= 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), template=st.sampled_from(TEMPLATES))
def test_both_engines_agree_on_any_scene(seed, template):
    images, points = scene(seed)
    host = align_faces(images, points, template)
    found = align_faces(images, points, template, backend="numpy", engine="array")
    assert np.abs(found.astype(int) - host).max(initial=0) <= 1


@pytest.mark.parametrize("engine", ["host", "array"])
def test_one_image_is_a_list_of_one(engine):
    images, points = scene(3)
    one_by_one = [
        align_faces(image, faces, engine=engine, backend="numpy")
        for image, faces in zip(images, points, strict=True)
    ]
    together = align_faces(tuple(images), points, engine=engine, backend="numpy")
    np.testing.assert_array_equal(together, np.concatenate(one_by_one))


def test_groups_of_any_size_give_the_same(monkeypatch):
    images, points = scene(4, images=6, most=9)
    whole = align_faces(images, points, backend="numpy", engine="array")
    monkeypatch.setattr(module, "_CROP_PIXELS", 3 * 112 * 112)
    monkeypatch.setattr(module, "_IMAGE_PIXELS", 20_000)
    parts = align_faces(images, points, backend="numpy", engine="array")
    assert len(whole) > 9
    assert np.abs(parts.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("engine", ["host", "array", "auto"])
@pytest.mark.parametrize(("images", "kps"), [([], []), (1, np.empty((0, 5, 2))), (2, [[], []])])
def test_no_faces(engine, images, kps):
    image = np.zeros((9, 9, 3), np.uint8)
    given = images if images == [] else image if images == 1 else [image, image]
    kps = [np.empty((0, 5, 2))] * 2 if images == 2 else kps
    crops = align_faces(given, kps, "sphereface", engine=engine, backend="numpy")
    assert crops.shape == (0, 112, 96, 3)
    assert crops.dtype == np.uint8


def test_a_face_already_in_place_is_copied():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    for engine in ("host", "array"):
        crop = align_faces(image, POINTS[None], engine=engine, backend="numpy")[0]
        assert np.abs(crop.astype(int) - image).max() <= 1


def test_crops_are_rgb_whatever_the_image_was():
    rgb = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    kps = POINTS[None] + 10
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    np.testing.assert_array_equal(align_faces(bgr, kps, color="bgr"), align_faces(rgb, kps))
    grey = align_faces(rgb[..., 0], kps)
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_a_mirrored_face_is_mirrored_back_unless_told_not_to():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    mirrored = (POINTS * [-1, 1] + [111, 0])[None]
    back = align_faces(image[:, ::-1], mirrored)[0]
    assert np.abs(back.astype(int) - image).max() <= 1
    as_it_is = align_faces(image[:, ::-1], mirrored, reflect=False)[0]
    assert np.abs(as_it_is.astype(int) - image).mean() > 20


@pytest.mark.parametrize("engine", ["host", "array"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_image_gives_the_same_crops(engine, turns):
    rng = np.random.default_rng(turns)
    image = rng.integers(0, 256, (170, 210, 3), dtype=np.uint8)
    kps = POINTS * 1.2 + rng.uniform(-30, 50, (4, 1, 2)) + rng.normal(size=(4, 5, 2))
    turned, points = image, kps
    for _ in range(turns):  # rot90 takes x, y to y, width - 1 - x
        points = np.stack([points[..., 1], turned.shape[1] - 1 - points[..., 0]], axis=-1)
        turned = np.ascontiguousarray(np.rot90(turned))
    before = align_faces(image, kps, backend="numpy", engine=engine)
    after = align_faces(turned, points, backend="numpy", engine=engine)
    assert np.abs(after.astype(int) - before).max() <= 1


def test_a_template_of_ones_own():
    small = Template("small", (56, 50), POINTS / 2)
    image = np.full((112, 112, 3), 50, np.uint8)
    assert align_faces(image, POINTS[None], small).shape == (1, 56, 50, 3)


def test_files_and_bytes(tmp_path):
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    kps = POINTS[None] * 0.7
    crops = align_faces([tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), image], [kps] * 3)
    np.testing.assert_array_equal(crops[0], crops[2])
    np.testing.assert_array_equal(crops[1], crops[2])


@pytest.mark.parametrize(
    ("images", "kps", "message"),
    [
        (1, POINTS, "kps has shape"),
        (1, np.ones((1, 4, 2)), "kps has shape"),
        (1, np.ones((1, 5, 2)), "face 0"),
        (1, None, "kps"),
        (2, [POINTS[None]], "found 1 arrays, expected one for each of 2"),
        (2, None, "found a NoneType"),
        (2, [POINTS[None], np.ones((1, 5, 2))], "image 1: face 0"),
        (2, [POINTS[None], np.full((1, 5, 2), np.nan)], "image 1: face 0: found a coordinate"),
    ],
)
def test_points_that_do_not_fit(images, kps, message):
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(InputError, match=message):
        align_faces(image if images == 1 else [image] * images, kps)


numbers = st.floats(-1e9, 1e9, width=32) | st.floats(-200, 400, width=32) | st.just(float("nan"))


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(numbers, min_size=10, max_size=10),
    template=st.sampled_from(TEMPLATES),
    engine=st.sampled_from(["host", "array"]),
)
def test_any_points_give_a_crop_or_an_error_of_ours(points, template, engine):
    image = np.full((30, 40, 3), 200, np.uint8)
    kps = np.array(points, np.float32).reshape(1, 5, 2)
    try:
        crops = align_faces(image, kps, template, backend="numpy", engine=engine)
    except InputError:
        return
    assert crops.shape == (1, *get_template(template).size, 3)
    assert crops.max() <= 200


def test_other_arguments_that_do_not_fit():
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(InputError, match="engine"):
        align_faces(image, POINTS[None], engine="gpu")
    with pytest.raises(InputError, match="template"):
        align_faces(image, POINTS[None], "mine")
    with pytest.raises(InputError, match="colour"):
        align_faces(image, POINTS[None], color="rbg")
    with pytest.raises(ImageError, match="shape"):
        align_faces(np.zeros((4, 5, 5, 3), np.uint8), POINTS[None])


def test_an_opencv_that_rounds_is_not_used(monkeypatch):
    images, points = scene(5)
    wanted = align_faces(images, points, backend="numpy", engine="array")
    monkeypatch.setattr(module, "opencv_is_exact", lambda: False)
    monkeypatch.setattr(module, "warp_opencv", None)
    found = align_faces(images, points)
    assert np.abs(found.astype(int) - wanted).max() <= 1


class Elsewhere(Backend):
    """A backend whose arrays say that they lie on a device."""

    name = "elsewhere"

    def from_numpy(self, x):
        array = super().from_numpy(x).view(OnDevice)
        return array if array.shape == (1,) else np.asarray(array)


class OnDevice(np.ndarray):
    """An array that lies where DLPack's number 2 says."""

    def __dlpack_device__(self):
        return (2, 0)


def test_arrays_on_a_device_are_warped_there(monkeypatch):
    images, points = scene(6)
    wanted = align_faces(images, points, backend="numpy", engine="array")
    monkeypatch.setattr(module, "warp_opencv", None)
    monkeypatch.setattr(module, "warp_packed", None)
    np.testing.assert_array_equal(align_faces(images, points, backend=Elsewhere(np)), wanted)


def test_a_device_that_dlpack_has_no_number_for(monkeypatch):
    def refuse(self):
        raise BufferError("no such device")

    monkeypatch.setattr(OnDevice, "__dlpack_device__", refuse)
    test_arrays_on_a_device_are_warped_there(monkeypatch)


@pytest.mark.parametrize("name", BACKENDS)
def test_arrays_in_host_memory_are_warped_on_the_host(monkeypatch, name):
    monkeypatch.setattr(module, "_warp_all", None)
    images, points = scene(7)
    np.testing.assert_array_equal(
        align_faces(images, points, backend=backend_of(name)), align_faces(images, points)
    )


@pytest.mark.skipif(not opencv_is_exact(), reason="this OpenCV rounds places")
@pytest.mark.parametrize("photo", ["1", "11", "4", "face", "face0", "keliamoniz1", "test2"])
def test_faces_that_the_original_found(shared_data, photo):
    from zqcnn_xp.vision.io import read_image

    file = shared_data / "golden" / "mtcnn" / f"mtcnn_author5_{photo}.json"
    found = json.loads(file.read_text())["results"]
    kps = np.array([face["landmark_x5_then_y5"] for face in found]).reshape(-1, 2, 5)
    kps = kps.transpose(0, 2, 1)
    image = read_image(shared_data / "images" / f"{photo}.jpg")
    assert len(kps)
    for template in ("arcface", "sphereface", "lightcnn"):
        crops = align_faces(image, kps, template)
        arrays = align_faces(image, kps, template, backend="numpy", engine="array")
        wanted = np.stack([expected(image, face, template) for face in kps])
        assert np.abs(crops.astype(int) - wanted).max() <= 1
        assert np.abs(arrays.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("photo", ["00_", "01_", "AE_"])
def test_faces_that_are_aligned_already_stay_where_they_are(shared_data, photo):
    from zqcnn_xp.pipelines import MTCNN

    nets = shared_data / "zqcnn"
    pairs = [(nets / f"det{i}.zqparams", nets / f"det{i}_bgr.nchwbin") for i in (1, 2, 3)]
    (face,) = MTCNN(*pairs, backend="numpy", min_face=40).detect(
        shared_data / "images" / f"{photo}.jpg"
    )
    ((a, b, x), (c, d, y)) = get_template("arcface").transforms(face.kps[None])[0]
    # Points of another detector: a few pixels of a face of some 80.
    assert max(abs(a - 1), abs(d - 1), abs(b), abs(c)) < 0.03
    assert max(abs(x), abs(y)) < 3


@pytest.mark.parametrize("count", [1, 2, 3, 100])
@pytest.mark.parametrize("name", ["host", "array"])
def test_blocks_are_the_same_crops(count, name):
    images, points = scene(5, images=6)
    images.append(images[0])
    points.append(np.empty((0, 5, 2)))
    options = {"engine": "array", "backend": "numpy"} if name == "array" else {}
    whole = align_faces(images, points, **options)
    blocks = list(align_blocks(images, points, count=count, **options))
    assert [len(block) for block in blocks[:-1]] == [count] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_blocks_read_every_image_and_each_once(tmp_path, monkeypatch):
    seen = []
    read = module.read_image
    monkeypatch.setattr(module, "read_image", lambda image, **k: seen.append(1) or read(image, **k))
    image = np.zeros((120, 120, 3), np.uint8)
    many = np.repeat(POINTS[None], 7, axis=0)
    none = np.empty((0, 5, 2))
    assert len(list(align_blocks([image, image, image], [none, many, none], count=2))) == 4
    assert len(seen) == 3
    with pytest.raises(ImageError, match=r"absent\.jpg"):
        list(align_blocks([image, tmp_path / "absent.jpg"], [many, none], count=2))
    with pytest.raises(InputError, match="count=0"):
        align_blocks(image, many, count=0)


def test_points_of_other_kinds():
    image = np.zeros((120, 120, 3), np.uint8)
    assert align_faces(image, []).shape == (0, 112, 112, 3)
    assert align_faces([image, image], [[], POINTS[None]]).shape == (1, 112, 112, 3)
    with pytest.raises(InputError, match="complex"):
        align_faces(image, POINTS[None] + 1j)
