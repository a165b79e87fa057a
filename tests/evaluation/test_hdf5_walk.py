"""HDF5 files are walked no further than their bytes go, and never in circles."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.hdf5_walk import Walk
from zqcnn_xp.evaluation.mat_file import load_mat

written = runpy.run_path(str(Path(__file__).with_name("hdf5_builder.py")))["written"]
FEATURES = np.arange(777, dtype=np.float32).reshape(37, 21)
PLAIN = written({"features": FEATURES})


def changed(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


def test_names_and_messages():
    walk = Walk("f.mat", written({"b": FEATURES, "a": FEATURES}))
    objects = walk.objects()
    assert list(objects) == ["a", "b"]
    kinds = [kind for kind, _ in walk.messages(objects["a"])]
    assert kinds == [1, 3, 8, 0xC]  # space, type, layout, an attribute


def test_a_file_without_a_block_before_it():
    # as other programs write: addresses count from the file's start
    data = bytearray(PLAIN[512:])
    data[24:32] = bytes(8)
    assert (load_mat(bytes(data), ["features"])["features"] == FEATURES).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN.replace(b"\x89HDF", b"\x88HDF"), "byte 0: found no superblock, expected HDF5"),
        (changed(PLAIN, b"\x1a\n\0", b"\x1a\n\2"), "a superblock of another version"),
        (changed(PLAIN, b"HEAP", b"HEAT"), "found b'HEAT', expected b'HEAP'"),
        (changed(PLAIN, b"SNOD", b"SNOW"), "found b'SNOW', expected b'SNOD'"),
        (PLAIN[:600], "expected what lies in the file"),
        (b"\x89HDF\r\n\x1a\n", "expected what lies in the file|another version"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words):
        load_mat(data, ["features"])


def test_trees_in_circles():
    # each node of a tree must lie below the one before, and no byte stands for two structures
    data = written({"features": FEATURES}, chunk=(1, 1))
    at = data.rindex(b"TREE\1\1")
    (child,) = np.frombuffer(data, "<u8", 1, at + 24 + 32)
    root = (at - 512).to_bytes(8, "little")
    circle = data[: at + 56] + root + data[at + 64 :]
    with pytest.raises(DatasetError, match="a node of level 1 below one of 1"):
        load_mat(circle, ["features"])
    node = 512 + int(child)
    twice = data[: at + 24 + 40 + 32] + int(child).to_bytes(8, "little") + data[at + 104 :]
    assert data[node : node + 4] == b"TREE"
    with pytest.raises(DatasetError, match="a chunk at"):
        load_mat(twice, ["features"])


def test_structures_that_are_shared():
    # a node that says a thousand times that the same table of symbols is below it
    at = PLAIN.index(b"SNOD")
    table = (at - 512).to_bytes(8, "little")
    node = b"TREE\0\0" + (60_000).to_bytes(2, "little") + b"\xff" * 16 + (bytes(8) + table) * 60_000
    heap = PLAIN.index((PLAIN.index(b"TREE") - 512).to_bytes(8, "little"))
    place = len(PLAIN) + -len(PLAIN) % 8
    data = PLAIN[:heap] + (place - 512).to_bytes(8, "little") + PLAIN[heap + 8 :]
    full = data.ljust(place, b"\0") + node
    count = full[at + 6 : at + 8]
    assert count == b"\1\0"
    crowded = full[: at + 6] + b"\xff\xff" + full[at + 8 :]
    with pytest.raises(DatasetError, match="structures in circles, or shared, expected each once"):
        load_mat(crowded, ["features"])
