from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.source import Source
from zqcnn_xp.vision.resize import resize


def _image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def _whole(source: Source, scale: float) -> np.ndarray:
    level = source.level(np.float64(scale))
    out = np.empty((level.height, level.width, 3), np.float32)
    level.piece(0, 0, level.height, level.width, out)
    return out


@pytest.mark.parametrize("bgr", [False, True])
def test_level_is_the_resized_image(bgr: bool) -> None:
    image = _image(60, 80)
    got = _whole(Source(image, Options(), bgr=bgr, transposed=False), 0.6)
    pixels = image[..., ::-1] if bgr else image
    want = resize((pixels.astype(np.float32) - 127.5) / 128, 36, 48)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_original_level_is_bit_exact() -> None:
    image = _image(61, 83)
    options = Options(compat="zqcnn")
    source = Source(image, options, bgr=True, transposed=False)
    level = source.level(np.float32(0.6))
    out = np.empty((level.height, level.width, 3), np.float32)
    level.piece(0, 0, level.height, level.width, out)
    floats = (image[..., ::-1].astype(np.float32) - np.float32(127.5)) / np.float32(128)
    want = resize(floats, level.height, level.width, compat="zqcnn")
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("options", [Options(), Options(compat="zqcnn")])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_levels_sampled_together_equal_single_ones(
    options: Options, transposed: bool, threads: int
) -> None:
    options = replace(options, threads=threads)
    source = Source(_image(131, 277), options, bgr=True, transposed=transposed)
    levels = source.levels()
    assert sum(level.ready is not None for level in levels) > 3
    for level, scale in zip(levels, source.scales(), strict=True):
        shape = (level.height, level.width, 3)
        got, want = np.empty(shape, np.float32), np.empty(shape, np.float32)
        level.piece(0, 0, *shape[:2], got)
        alone = source.level(scale)
        alone.piece(0, 0, *shape[:2], want)
        np.testing.assert_array_equal(got, want)
        part = np.empty((5, 7, 3), np.float32)
        level.piece(4, 3, 5, 7, part)
        np.testing.assert_array_equal(part, want[4:9, 3:10])


def test_transposed_images_give_transposed_levels_and_crops() -> None:
    image = _image(50, 70)
    upright = Source(image, Options(), bgr=False, transposed=False)
    turned = Source(image, Options(), bgr=False, transposed=True)
    np.testing.assert_allclose(
        _whole(turned, 0.5), _whole(upright, 0.5).transpose(1, 0, 2), atol=1e-6
    )
    boxes = np.array([[3.0, -4.0, 33.0, 26.0], [10.0, 10.0, 70.0, 40.0]])
    a, b = np.empty((2, 2, 24, 24, 3), np.float32)
    upright.crops(boxes, 24, a)
    turned.crops(boxes, 24, b)
    np.testing.assert_allclose(b, a.transpose(0, 2, 1, 3), atol=1e-6)


def test_strong_reductions_average() -> None:
    # A chessboard of single pixels is grey from afar; sampling alone would show black or white.
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    source = Source(image, Options(), bgr=False, transposed=False)
    assert np.abs(_whole(source, 0.1)).max() < 0.02
    crop = np.empty((1, 24, 24, 3), np.float32)
    source.crops(np.array([[0.0, 0.0, 256.0, 256.0]]), 24, crop)
    assert np.abs(crop).max() < 0.02


def test_no_scales_for_an_image_below_the_window() -> None:
    for options in (Options(), Options(compat="zqcnn")):
        source = Source(_image(11, 400), options, bgr=False, transposed=False)
        assert source.scales().size == 0


def test_blur() -> None:
    image = _image(40, 40)
    plain = _whole(Source(image, Options(), bgr=False, transposed=False), 1.0)
    soft = _whole(Source(image, Options(blur=(5, 2.0)), bgr=False, transposed=False), 1.0)
    assert soft.std() < 0.6 * plain.std()
