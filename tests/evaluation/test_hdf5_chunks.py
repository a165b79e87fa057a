"""Arrays in pieces: each piece there once, and no larger than its bytes can be."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.mat_file import load_mat

written = runpy.run_path(str(Path(__file__).with_name("hdf5_builder.py")))["written"]
FEATURES = np.random.default_rng(0).normal(size=(37, 21)).astype(np.float32)
CUT = written({"features": FEATURES}, chunk=(8, 10), filters=[1])
SHAPE = b"\x15" + bytes(7) + b"\x25" + bytes(7)


def changed(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize("chunk", [(1, 37), (21, 1), (20, 36), (4, 4)])
@pytest.mark.parametrize("filters", [[], [1], [2, 1], [2]])
def test_put_together(chunk, filters):
    found = load_mat(written({"x": FEATURES}, chunk=chunk, filters=filters), ["x"])["x"]
    assert (found == FEATURES).all()


def test_within_the_chunks_there_are():
    data = changed(CUT, SHAPE, b"\x16" + SHAPE[1:])
    assert load_mat(data, ["features"])["features"].shape == (37, 22)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (changed(CUT, SHAPE, b"\x26" + SHAPE[1:]), "found 12 chunks in .* expected 20 of 320"),
        (changed(CUT, b"\1\0\x08\0\1\0\1\0filter", b"\4\0\x08\0\1\0\1\0filter"), "the filter 4"),
        (changed(CUT, b"\3\2\3", b"\3\2\4"), r"chunks of|ends too early"),
        (changed(CUT, b"\x78\x5e", b"\x78\x00"), "damaged compressed data"),
        (changed(CUT, b"\3\2\3", b"\3\2\2"), "2 sizes and an element's"),
        (written({"features": FEATURES}, chunk=(8, 10), filters=[1, 1]), "filter 1, expected"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words):
        load_mat(data, ["features"])


def test_a_chunk_that_claims_more_than_deflate_can_pack():
    # one chunk of 2**31 elements in some bytes
    data = written({"x": np.zeros((1, 2))}, chunk=(2, 1), filters=[1])
    large = (1 << 31).to_bytes(4, "little")
    bomb = changed(data, b"\2\0\0\0\1\0\0\0\x08\0\0\0", large + b"\1\0\0\0\x08\0\0\0")
    with pytest.raises(DatasetError, match=r"found 1 chunks in .*, expected 1 of 17,179,869,184"):
        load_mat(bomb, ["x"])
