from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import ImageError
from zqcnn_xp.vision.packed import (
    SPREAD_OFFSET,
    SPREAD_SCALE,
    halve,
    pack,
    spread,
    unpack,
)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
def test_pack(reverse: bool, transpose: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    want = image[..., ::-1] if reverse else image
    want = want.transpose(1, 0, 2) if transpose else want
    np.testing.assert_array_equal(unpack(pack(image, reverse=reverse, transpose=transpose)), want)


def test_pack_reads_any_strides() -> None:
    image = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    np.testing.assert_array_equal(unpack(pack(image[::2, ::-1])), image[::2, ::-1])


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))]
)
def test_pack_refuses(image: np.ndarray) -> None:
    with pytest.raises(ImageError, match="expected"):
        pack(image)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_halve_is_the_rounded_mean(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    wide = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(int)
    want = (wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2] + 2) // 4
    np.testing.assert_array_equal(unpack(halve(pack(image))), want)


@given(st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_pack_of_read_only_and_tiny_images(height: int, width: int, reverse: bool) -> None:
    image = np.random.default_rng(9 * height + width).integers(0, 256, (height, width, 3), np.uint8)
    image.flags.writeable = False
    want = image[..., ::-1] if reverse else image
    np.testing.assert_array_equal(unpack(pack(image, reverse=reverse)), want)


def test_pack_of_nothing() -> None:
    assert pack(np.zeros((0, 4, 3), np.uint8)).shape == (0, 4)
    assert pack(np.zeros((0, 4, 3), np.uint8), transpose=True).shape == (4, 0)


def test_strips_of_pixels_do_not_show() -> None:
    image = np.random.default_rng(2).integers(0, 256, (300, 401, 3), np.uint8)
    np.testing.assert_array_equal(unpack(pack(image)), image)
    np.testing.assert_array_equal(unpack(pack(image, reverse=True)), image[..., ::-1])


def test_spread_is_exact_also_after_halving() -> None:
    every = np.arange(256, dtype=np.uint8)
    pixels = np.stack([every, every[::-1], np.roll(every, 5)], axis=1)
    image = np.repeat(np.repeat(pixels[None], 2, axis=0), 2, axis=1)
    for words in (pack(pixels[None]), halve(pack(image))):
        out = np.empty((3, 1, 256), np.float32)
        spread(words.copy(), out)
        values = (out[:, 0].T.astype(np.float64) - SPREAD_OFFSET) / SPREAD_SCALE
        np.testing.assert_array_equal(values, pixels)
