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
            np.array([1, 0]),
            np.array([1, 0], ">i4"),
            [np.int64(1), np.int64(0)],
            [np.uint16(1), np.uint16(0)],
        ):
            check(pickle.dumps((images, labels), protocol))
    check(pickle.dumps([IMAGES, [True, False]], protocol))


def test_from_a_path_and_a_stream(tmp_path):
    data = pickle.dumps((IMAGES, [True, False]))
    (tmp_path / "set.bin").write_bytes(data)
    assert read_bin(tmp_path / "set.bin").name == "set.bin"
    check(io.BytesIO(data))


def test_what_python_2_writes_by_default():
    # pickle.dump(([jpeg, png], [True, 0L]), file): protocol 0, strings as their repr
    data = b"((lp0\nS'\\xff\\n\\\\\\'\"'\np1\naS\"it's\"\np2\na(lp3\nL1L\nat."
    found = read_bin(data)
    assert found.images == [b"\xff\n\\'\"", b"it's"]
    assert found.same.tolist() == [True]


def python_2_array(kind, order, shape, data):
    """What cPickle makes of an array: the texts of its type are bytes there."""
    dtype = b"cnumpy\ndtype\n(U\2" + kind + b"K\0K\1tR(K\3U\1" + order + b"NNNJ\xff\xff\xff\xff"
    state = b"(K\1(" + shape + b"t" + dtype + b"J\xff\xff\xff\xffK\0tb\x89U"
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\1btR"
    return made + state + bytes([len(data)]) + data + b"tb"


@pytest.mark.parametrize("size", [b"K\4", b"\x8a\1\4", b"L4L\n"])  # the last two: Windows' longs
def test_arrays_of_python_2(size):
    image = python_2_array(b"u1", b"|", size + b"K\1", b"\xff\xd8ab")  # from cv2.imencode
    labels = python_2_array(b"i8", b"<", b"K\1", b"\1" + bytes(7))
    found = read_bin(b"\x80\2](" + image + image + b"e" + labels + b"\x86.")
    assert found.images == [b"\xff\xd8ab"] * 2
    assert found.same.tolist() == [True]
    for wrong in (b"\1" + bytes(6), b"\2" + bytes(7)):
        labels = python_2_array(b"i8", b"<", b"K\1", wrong)
        with pytest.raises(DatasetError):
            read_bin(b"\x80\2](" + image + image + b"e" + labels + b"\x86.")


def test_none_is_an_image_without_bytes():
    found = read_bin(pickle.dumps(([*IMAGES[:3], None], [True, False])))
    assert found.images == [*IMAGES[:3], b""]


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
        (([b"a", b"b"], np.array([2])), "label 0: found 2, expected True or False"),
        (([b"a", b"b"], np.array([-1], np.int8)), "label 0: found -1, expected True or False"),
        (([b"a", b"b"], np.array([1.0])), "a call of dtype"),
        (([b"a", np.array([1, 2])], [True]), "image 1: found a Array"),
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
