from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.vision.crops import crop_resize
from zqcnn_xp.vision.packed import pack
from zqcnn_xp.vision.resize import resize


def test_golden_bit_exact(shared_data: Path) -> None:
    with np.load(shared_data / "golden" / "zqcnn" / "resize.npz") as data:
        image = data["resize_input"][0].transpose(1, 2, 0)
        rects = data["rects_xywh"].astype(np.float32)
        wants = {size: data[f"resize_rects{size}"].transpose(0, 2, 3, 1) for size in (24, 48)}
    words = pack(np.rint(image * 128 + 127.5).astype(np.uint8))
    boxes = np.concatenate([rects[:, :2], rects[:, :2] + rects[:, 2:]], axis=1)
    for size, want in wants.items():
        np.testing.assert_array_equal(crop_resize(words, boxes, size, accumulate=True), want)


_part = st.integers(-20, 20)


@given(st.lists(st.tuples(_part, _part, st.integers(1, 30), st.integers(1, 30)), max_size=5))
def test_equals_cut_and_resize(rects: list[tuple[int, int, int, int]]) -> None:
    image = np.random.default_rng(len(rects)).integers(0, 256, (11, 13, 3), np.uint8)
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rects], np.float64).reshape(-1, 4)
    got = crop_resize(pack(image), boxes, 6)
    assert got.shape == (len(rects), 6, 6, 3)
    # A frame of repeated edges wider than any box turns outside places into inside ones.
    frame = np.pad(image, ((64, 64), (64, 64), (0, 0)), mode="edge")
    for (x, y, w, h), crop in zip(rects, got, strict=True):
        around = frame[63 + y : 65 + y + h, 63 + x : 65 + x + w].astype(np.float32)
        floats = (around - 127.5) / 128
        # Resizing the cut with one more pixel all round, then comparing at the same places.
        at_y = 1 + (np.arange(6) + 0.5) * h / 6 - 0.5
        at_x = 1 + (np.arange(6) + 0.5) * w / 6 - 0.5
        y0, x0 = at_y.astype(int), at_x.astype(int)
        fy, fx = (at_y - y0)[:, None, None], (at_x - x0)[None, :, None]
        top = floats[y0][:, x0] * (1 - fx) + floats[y0][:, x0 + 1] * fx
        low = floats[y0 + 1][:, x0] * (1 - fx) + floats[y0 + 1][:, x0 + 1] * fx
        np.testing.assert_allclose(crop, top * (1 - fy) + low * fy, atol=2e-6)


def test_whole_image_equals_resize() -> None:
    image = np.random.default_rng(5).integers(0, 256, (30, 40, 3), np.uint8)
    want = resize((image.astype(np.float32) - 127.5) / 128, 48, 48)
    got = crop_resize(pack(image), np.array([[0.0, 0.0, 40.0, 30.0]]), 48)
    np.testing.assert_allclose(got[0], want, atol=1e-6)


def test_many_equal_single() -> None:
    rng = np.random.default_rng(6)
    words = pack(rng.integers(0, 256, (50, 60, 3), np.uint8))
    corner = rng.uniform(-10, 50, (100, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 40, (100, 1))], axis=1)
    many = crop_resize(words, boxes, 24)
    for i in (0, 27, 28, 29, 99):
        np.testing.assert_array_equal(crop_resize(words, boxes[i : i + 1], 24)[0], many[i])


def test_smallest_images_and_any_strides() -> None:
    rng = np.random.default_rng(8)
    boxes = np.array([[-1.0, -2.0, 3.0, 2.0], [0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 9.0, 9.0]])
    for height, width in ((1, 1), (1, 4), (4, 1), (2, 1), (2, 2)):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        framed = np.pad(image, ((12, 12), (12, 12), (0, 0)), mode="edge")
        want = crop_resize(pack(framed), boxes + 12, 5)
        out = np.full((3, 5, 5, 3), np.nan, np.float32)
        got = crop_resize(pack(image), boxes, 5, out=out)
        assert got is out
        np.testing.assert_allclose(got, want, atol=1e-6)
