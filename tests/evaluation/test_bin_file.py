"""Verification sets in one file: real ones, those of every protocol, and damaged ones."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.bin_file import read_bin
from zqcnn_xp.vision.io import read_image

IMAGES = [b"\xff\xd8" + bytes([value]) * 300 for value in range(4)]


def check(data):
    found = read_bin(data)
    assert found.images == IMAGES
    assert found.same.dtype == bool
    assert found.same.tolist() == [True, False]
    assert len(found) == 2


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(protocol):
    arrays = [np.frombuffer(image, np.uint8) for image in IMAGES]
    for images in (IMAGES, tuple(IMAGES), [bytearray(image) for image in IMAGES], arrays):
        for labels in (
            [True, False],
            (True, False),
            [1, 0],
            [np.True_, np.False_],
            np.array([True, False]),
            np.array([1, 0], np.uint8),
        ):
            if protocol < 5 and isinstance(images[0], bytearray):
                continue  # those need a call of another name, and nobody writes them
            check(pickle.dumps((images, labels), protocol))
    check(pickle.dumps([IMAGES, [True, False]], protocol))


def test_from_a_path_and_a_stream(tmp_path):
    data = pickle.dumps((IMAGES, [True, False]))
    (tmp_path / "set.bin").write_bytes(data)
    assert read_bin(tmp_path / "set.bin").name == "set.bin"
    check(io.BytesIO(data))


def test_a_real_set(shared_data):
    found = read_bin(shared_data / "lfw" / "small_lfw.bin")
    assert found.name == "small_lfw.bin"
    assert len(found.images) == 20
    assert found.same.tolist() == [True] * 10
    for image in found.images:
        assert read_image(image).shape == (112, 112, 3)
        Image.open(io.BytesIO(image)).verify()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, r"found a NoneType, expected a pair \(images, labels\)"),
        ([b"a"], "found a list of 1, expected a pair"),
        ((b"a", [True]), "images: found a bytes, expected a list"),
        (([b"a", "text"], [True]), "image 1: found a str, expected the bytes of an image file"),
        (([b"a", [1] * 5], [True]), "image 1: found a list of 5"),
        (([b"a", np.array([True])], [True]), "image 1: found a Array"),
        (([b"a", b"b"], b"x"), "labels: found a bytes"),
        (([b"a", b"b"], [2]), "label 0: found 2, expected True or False"),
        (([b"a", b"b"], [[True] * 1000]), "label 0: found a list of 1000"),
        (([b"a", b"b"], [None]), "label 0: found a NoneType"),
        (([b"a", b"b"], [True, False]), "found 2 images for 2 labels, expected two for each"),
        (([b"a", b"b", b"c"], [True]), "found 3 images for 1 labels"),
        (([], []), "found 0 images for 0 labels"),
        (([b"a", b"b"], np.array([[True]])), "labels: found a Array"),
    ],
)
def test_what_is_refused(value, words):
    with pytest.raises(DatasetError, match=words):
        read_bin(pickle.dumps(value))


def test_too_large():
    data = pickle.dumps((IMAGES, [True, False]))
    with pytest.raises(DatasetError, match=r"found at least 1,\d+ bytes, expected at most 99"):
        read_bin(data, max_bytes=99)


def test_truncated_at_every_byte(judge):
    read = judge(read_bin)
    for protocol in (2, 4):
        whole = pickle.dumps((IMAGES, [True, False]), protocol)
        assert sum(read(whole[:size]) for size in range(len(whole))) == 0
        assert read(whole)


def test_mutants_of_a_real_set(judge, damage, shared_data):
    whole = (shared_data / "lfw" / "small_lfw.bin").read_bytes()
    small = pickle.dumps((IMAGES, [True, False]), 2)
    judge(read_bin).trials(
        [
            lambda rng: damage.mutate(rng, whole),
            lambda rng: damage.mutate(rng, whole, rng.randrange(200)),
            lambda rng: damage.mutate(rng, small),
        ],
        worked=(0.1, 0.6),
    )
