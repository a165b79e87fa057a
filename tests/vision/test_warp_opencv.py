"""OpenCV's warp and the library's own agree within one grey level, on anything."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.config import using
from zqcnn_xp.vision import warp_opencv as module
from zqcnn_xp.vision.warp_opencv import opencv_is_exact, warp_opencv

exact = pytest.mark.skipif(not opencv_is_exact(), reason="this OpenCV rounds places")


@exact
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
    theirs, ours = warp_opencv(image, to_image, size), own_warp(image, to_image, size)
    assert theirs.shape == ours.shape == (4, *size, 3)
    assert np.abs(theirs.astype(int) - ours).max() <= 1


@exact
@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3), (1, 1), (1, 70_000)])
def test_they_agree_on_images_that_opencv_alone_refuses_or_rounds(own_warp, turns, shape):
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    to_image = turns(rng, *shape, (64, 64), count=12, least=-2, most=1)
    theirs, ours = warp_opencv(image, to_image, (64, 64)), own_warp(image, to_image, (64, 64))
    assert np.abs(theirs.astype(int) - ours).max() <= 1


@exact
def test_it_is_opencvs_affine_warp(turns):
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    to_image = turns(rng, 300, 400, (112, 96), count=10, least=-1, most=1.5)
    for crop, matrix in zip(warp_opencv(image, to_image, (112, 96)), to_image, strict=True):
        forward = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        plain = cv2.warpAffine(image, forward, (96, 112), flags=cv2.INTER_LINEAR)
        assert np.abs(crop.astype(int) - plain).max() <= 1


def test_it_writes_where_it_is_told():
    image = np.full((50, 50, 3), 77, np.uint8)
    out = np.full((3, 8, 8, 3), 1, np.uint8)
    inside, outside = [[1.0, 0, 9], [0, 1, 9]], [[1.0, 0, 900], [0, 1, 9]]
    made = warp_opencv(image, np.array([inside, outside]), (8, 8), out[:2])
    assert made.base is out
    assert [part.max() for part in out] == [77, 0, 1]


def test_it_obeys_the_number_of_threads(monkeypatch):
    seen, real = [], cv2.warpAffine
    monkeypatch.setattr(
        cv2, "warpAffine", lambda *a, **k: seen.append(cv2.getNumThreads()) or real(*a, **k)
    )
    with using(threads=1):
        warp_opencv(np.zeros((9, 9, 3), np.uint8), np.array([[[1.0, 0, 0], [0, 1, 0]]]), (4, 4))
    assert seen == [1]


def test_an_opencv_that_rounds_places_is_noticed(monkeypatch):
    """What OpenCV did before 5.0: places in thirty-seconds of a pixel."""
    real = cv2.warpAffine

    def rounded(image, matrix, size, out, flags):
        return real(image, np.round(matrix * 32) / 32, size, out, flags)

    assert module.opencv_is_exact.__wrapped__() == opencv_is_exact()
    monkeypatch.setattr(cv2, "warpAffine", rounded)
    assert not module.opencv_is_exact.__wrapped__()
