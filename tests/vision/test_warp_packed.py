"""The warp in NumPy alone agrees with the general one within one grey level, on anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.vision.warp_packed import warp_packed


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 90) | st.integers(400, 700),
    width=st.integers(1, 90) | st.integers(400, 700),
    size=st.tuples(st.integers(1, 130), st.integers(1, 130)) | st.just((112, 112)),
    sharp=st.booleans(),
)
def test_they_agree_on_noise(noise, own_warp, turns, seed, height, width, size, sharp):
    rng, image = noise(seed, height, width, sharp)
    to_image = turns(rng, height, width, size)
    packed, ours = warp_packed(image, to_image, size), own_warp(image, to_image, size)
    assert packed.shape == ours.shape == (4, *size, 3)
    assert np.abs(packed.astype(int) - ours).max() <= 1


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3), (1, 1), (1, 70_000)])
def test_they_agree_on_long_and_on_tiny_images(own_warp, turns, shape):
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    to_image = turns(rng, *shape, (64, 64), count=12)
    packed, ours = warp_packed(image, to_image, (64, 64)), own_warp(image, to_image, (64, 64))
    assert np.abs(packed.astype(int) - ours).max() <= 1


def test_the_identity_copies_and_the_rest_is_black():
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    identity = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    found = warp_packed(image, identity, (8, 11))[0]
    np.testing.assert_array_equal(found[:7, :9], image)
    assert not found[7:].any()
    assert not found[:, 9:].any()


def test_it_writes_where_it_is_told():
    image = np.full((50, 50, 3), 77, np.uint8)
    out = np.full((3, 8, 8, 3), 1, np.uint8)
    inside, outside = [[1.0, 0, 9], [0, 1, 9]], [[1.0, 0, 900], [0, 1, 9]]
    made = warp_packed(image, np.array([inside, outside]), (8, 8), out[:2])
    assert made.base is out
    assert [part.max() for part in out] == [77, 0, 1]
