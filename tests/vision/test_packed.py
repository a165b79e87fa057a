from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import ImageError
from zqcnn_xp.vision.packed import halve, pack, unpack


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
