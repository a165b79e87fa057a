"""The warp against a loop over pixels in float64, on every array library."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.testing.check_op import installed
from zqcnn_xp.vision.warp import Placement, covered, place_crops, warp

LIBRARIES = [name for name in installed() if name != "read-only"]


def namespace(name):
    """An Array API namespace with what a compiler lacks switched off, and its switch."""
    if name == "array_api_strict":
        import array_api_strict

        flags = array_api_strict.ArrayAPIStrictFlags(
            api_version="2023.12", boolean_indexing=False, data_dependent_shapes=False
        )
        return array_api_strict, flags
    if name == "jax":
        import jax.numpy as jnp

        return jnp, nullcontext()
    if name == "torch":
        from array_api_compat import torch

        return torch, nullcontext()
    from array_api_compat import numpy

    return numpy, nullcontext()


def warped(images, which, to_image, size, library="numpy"):
    xp, switch = namespace(library)
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    place = place_crops([image.shape[:2] for image in images], np.asarray(which), to_image, size)
    with switch:
        made = warp(xp, xp.asarray(pixels), Placement(*map(xp.asarray, place)), size)
        assert made.dtype == xp.uint8
    return np.asarray(made)


def slow(image, matrix, size):
    """Bilinear samples in float64, with zeros all around."""
    framed = np.zeros((image.shape[0] + 2, image.shape[1] + 2, 3))
    framed[1:-1, 1:-1] = image
    y, x = np.mgrid[: size[0], : size[1]]
    at = np.einsum("ij,jhw->ihw", matrix[:, :2], np.stack([x, y])) + matrix[:, 2, None, None]
    x, y = np.clip(at, -1, [[[image.shape[1]]], [[image.shape[0]]]]) + 1
    x0 = np.minimum(np.floor(x).astype(int), image.shape[1])
    y0 = np.minimum(np.floor(y).astype(int), image.shape[0])
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    upper = framed[y0, x0] * (1 - fx) + framed[y0, x0 + 1] * fx
    lower = framed[y0 + 1, x0] * (1 - fx) + framed[y0 + 1, x0 + 1] * fx
    return upper * (1 - fy) + lower * fy


def case(seed):
    """Images of noise, of all sizes, and crops anywhere on and beside them."""
    rng = np.random.default_rng(seed)
    sides = np.exp(rng.uniform(0, np.log(200), (3, 2))).astype(int)
    images = [rng.integers(0, 256, (*side, 3), dtype=np.uint8) for side in sides]
    which = np.sort(rng.integers(0, 3, 5))
    angle, scale = rng.uniform(-np.pi, np.pi, 5), np.exp(rng.uniform(-4, 3, 5))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([cos, -sin, sin, cos], -1).reshape(5, 2, 2)
    linear[::2] = linear[::2] @ np.diag([-1.0, 1.0])
    size = tuple(rng.integers(1, 60, 2).tolist())
    middle = rng.uniform(-0.2, 1.2, (5, 2)) * sides[which][:, ::-1]
    moved = middle - linear @ ((np.array(size[::-1]) - 1) / 2)
    return images, which, np.concatenate([linear, moved[..., None]], axis=2), size


@given(st.integers(0, 2**32 - 1))
def test_exact_samples(seed):
    images, which, to_image, size = case(seed)
    found = warped(images, which, to_image, size)
    for crop, index, matrix in zip(found, which, to_image, strict=True):
        exact = slow(images[index], matrix, size)
        assert np.abs(crop - exact).max() < 0.5 + 0.06


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("seed", [1, 2])  # few: a library that compiles does so for each shape
def test_every_library(library, seed):
    images, which, to_image, size = case(seed)
    found = warped(images, which, to_image, size, library)
    ours = warped(images, which, to_image, size)
    assert np.abs(found.astype(int) - ours).max(initial=0) <= 1


def test_it_can_be_compiled():
    jax = pytest.importorskip("jax")
    images, which, to_image, size = case(5)
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    place = place_crops([image.shape[:2] for image in images], which, to_image, size)
    compiled = jax.jit(lambda pixels, place: warp(jax.numpy, pixels, place, size))
    found = np.asarray(compiled(pixels, place)).astype(int)
    assert np.abs(found - warped(images, which, to_image, size)).max() <= 1


def test_the_identity_copies():
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    identity = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    np.testing.assert_array_equal(warped([image], [0], identity, (7, 9))[0], image)
    larger = warped([image], [0], identity, (8, 11))[0]
    np.testing.assert_array_equal(larger[:7, :9], image)
    assert not larger[7:].any()
    assert not larger[:, 9:].any()


def test_half_a_pixel_beyond_the_edge_is_half_black():
    white = np.full((4, 4, 3), 200, np.uint8)
    half = np.array([[[1.0, 0, -0.5], [0, 1, 0]]])
    assert warped([white], [0], half, (4, 5))[0, 1, :, 0].tolist() == [100, 200, 200, 200, 100]


def test_images_do_not_run_into_each_other():
    black, white = np.zeros((5, 5, 3), np.uint8), np.full((6, 4, 3), 255, np.uint8)
    beyond = np.array([[[1.0, 0, -20], [0, 1, -20]]])
    assert not warped([white, black, white], [1], beyond, (40, 40)).any()


@pytest.mark.parametrize("origin", [0, 20_000, 30_001])
def test_places_are_exact_far_from_the_origin(origin):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    wide = np.zeros((40, origin + 40, 3), np.uint8)
    wide[:, origin:] = noise
    matrix = np.array([[[0.61, 0.29, 3.3], [-0.29, 0.61, 9.7]]])
    far = matrix + np.array([[0, 0, origin], [0, 0, 0]])
    exact = slow(noise, matrix[0], (30, 30))
    assert np.abs(warped([wide], [0], far, (30, 30))[0] - exact).max() < 0.51


def test_crops_out_of_all_reach_are_black():
    image = np.full((3, 3, 3), 9, np.uint8)
    far = np.array([[[1e9, 0, 1e12], [0, 1e9, 0]], [[1, 0, -1e15], [0, 1, 0]]])
    assert not warped([image], [0, 0], far, (6, 6))[:, :, 1:].any()


def test_no_crops():
    image = np.zeros((3, 3, 3), np.uint8)
    empty = np.empty((0, 2, 3))
    assert warped([image], np.empty(0, int), empty, (6, 5)).shape == (0, 6, 5, 3)


@given(st.integers(0, 2**32 - 1))
def test_what_a_crop_covers_is_all_it_needs(seed):
    images, which, to_image, size = case(seed)
    whole = warped(images, which, to_image, size)
    for index, (crop, matrix) in enumerate(zip(whole, to_image, strict=True)):
        image = images[which[index]]
        low, high = covered(matrix[None], size, image.shape[:2])
        (x1, y1), (x2, y2) = low[0], high[0]
        assert 0 <= x1 <= x2 <= image.shape[1]
        assert 0 <= y1 <= y2 <= image.shape[0]
        if x1 == x2 or y1 == y2:
            assert not crop.any()
            continue
        moved = matrix - np.array([[0, 0, x1], [0, 0, y1]])
        part = np.ascontiguousarray(image[y1:y2, x1:x2])
        found = warped([part], [0], moved[None], size)[0]
        assert np.abs(found.astype(int) - crop).max() <= 1


def test_more_pixels_than_an_index_counts():
    with pytest.raises(InputError, match=r"2\*\*31"):
        place_crops([(1 << 16, 1 << 15)], np.zeros(1, int), np.ones((1, 2, 3)), (4, 4))
