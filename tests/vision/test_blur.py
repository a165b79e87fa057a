"""The blur before small faces: its rule, and OpenCV's filter against a written-out one."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.vision.blur import blur_rule, gaussian_blur


@pytest.mark.parametrize(
    ("width", "height", "rule"),
    [
        (2500, 1600, (5, 3.0)),
        (1600, 2500, (5, 3.0)),
        (2499, 1600, (3, 2.0)),
        (2500, 1599, (3, 2.0)),
        (1920, 1080, (3, 2.0)),
        (1919, 1080, None),
        (4000, 1079, None),
        (1, 1, None),
    ],
)
def test_rule(width, height, rule):
    assert blur_rule(width, height) == rule


@pytest.mark.parametrize(("kernel", "sigma"), [(5, 3.0), (3, 2.0), (7, 0.8)])
def test_filter_is_the_sampled_gaussian(kernel, sigma):
    image = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32) * 255
    half = kernel // 2
    taps = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    padded = np.pad(image.astype(np.float64), ((half, half), (half, half), (0, 0)), "reflect")
    want = sum(
        taps[i] * taps[j] * padded[i : i + 20, j : j + 30]
        for i in range(kernel)
        for j in range(kernel)
    )
    np.testing.assert_allclose(gaussian_blur(image, (kernel, sigma)), want, atol=1e-3)


def test_auto_leaves_small_images_and_blurs_large_ones_in_a_new_array():
    small = np.zeros((20, 20, 3), np.uint8)
    assert gaussian_blur(small) is small
    large = np.zeros((1080, 1920, 3), np.uint8)
    large[500, 500] = 255
    before = large.copy()
    out = gaussian_blur(large)
    assert 0 < out[500, 501, 0] < 255
    np.testing.assert_array_equal(large, before)
    np.testing.assert_array_equal(out, gaussian_blur(large, (3, 2.0)))


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 1), (6, 7, 3)])
def test_shape_and_dtype_are_kept(shape):
    out = gaussian_blur(np.full(shape, 9, np.uint8), (3, 1.0))
    assert out.shape == shape
    assert out.dtype == np.uint8
    assert (out == 9).all()


def test_none_does_nothing():
    image = np.zeros((2000, 3000), np.uint8)
    assert gaussian_blur(image, None) is image


@pytest.mark.parametrize(
    "blur",
    ["yes", (4, 1.0), (0, 1.0), (-3, 1.0), (3, 0.0), (3, np.nan), (3,), 3, (2.5, 1), ("a", 1)],
)
def test_wrong_blur_is_named(blur):
    with pytest.raises(InputError, match="blur="):
        gaussian_blur(np.zeros((4, 4), np.uint8), blur)


def test_what_opencv_cannot_filter_is_named():
    with pytest.raises(ImageError, match=r"shape \(4, 4\) and dtype int64"):
        gaussian_blur(np.zeros((4, 4), np.int64), (3, 1.0))
