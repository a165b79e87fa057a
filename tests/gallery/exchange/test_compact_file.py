"""ZQCNN's compact face database."""

import struct

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.compact_file import read_compact, write_compact
from zqcnn_xp.gallery.store import Store

FILE = struct.pack("<iiiii6f", 2, 3, 2, 0, 1, *range(6))


def test_a_file_is_read_as_it_is_described(tmp_path, whole):
    (tmp_path / "faces").write_bytes(FILE)
    (tmp_path / "names").write_text("Ann\nNobody\nBo\n")
    features, names, labels = whole(read_compact(tmp_path / "faces", tmp_path / "names"))
    assert features.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert names == ["Ann/0", "Ann/1", "Bo/0"]
    assert labels == ["Ann", "Ann", "Bo"]
    assert whole(read_compact(tmp_path / "faces"))[2] == ["0", "0", "2"]


@pytest.mark.parametrize("rows", [1, 5, 4096])
def test_there_and_back(store, tmp_path, whole, rows, monkeypatch):
    monkeypatch.setattr("zqcnn_xp.gallery.exchange.compact_file.block_rows", lambda dim: rows)
    assert write_compact(store, tmp_path / "a", tmp_path / "names") == 12
    features, _, labels = whole(read_compact(tmp_path / "a", tmp_path / "names"))
    order = [row for person in range(3) for row in range(person, 12, 3)]
    assert np.array_equal(features, store.rows[0:12][order])
    assert labels == [store.labels[row] for row in order]


def test_integers_become_floats(store, tmp_path, whole):
    copy = store.copy(tmp_path / "int8", dtype="int8")
    write_compact(copy, tmp_path / "a")
    assert np.abs(whole(read_compact(tmp_path / "a"))[0]).max() > 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: found 0 bytes that remain"),
        (struct.pack("<ii", 2, 1 << 30), "byte 8: found 0 bytes that remain, expected 4294967296"),
        (struct.pack("<iii", 2, 1, -5), "byte 8: found -5 features, expected 0 or more"),
        (struct.pack("<iiii", 2, 2, 2**31 - 1, 2**31 - 1), "byte 16: found 0 .* 34359738352"),
        (FILE + b"x", "byte 20: found 25 bytes that remain, expected 24 for all features"),
        (FILE[:-4] + b"\0\0\xc0\x7f", "byte 40: found the value nan"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, whole, data, message):
    (tmp_path / "faces").write_bytes(data)
    with pytest.raises(DatasetError, match=f"faces, {message}"):
        whole(read_compact(tmp_path / "faces"))


def test_names_that_do_not_fit_are_named(tmp_path, whole):
    (tmp_path / "faces").write_bytes(FILE)
    for text in ("Ann\nBo\n", "Ann\nBo\nCy\nDi\n"):
        (tmp_path / "names").write_text(text)
        with pytest.raises(DatasetError, match="names, line"):
            whole(read_compact(tmp_path / "faces", tmp_path / "names"))


def test_an_empty_store(tmp_path, whole):
    with Store.create(tmp_path / "store", 2) as store:
        write_compact(store, tmp_path / "a")
    assert whole(read_compact(tmp_path / "a"))[0].shape == (0, 2)


def test_damaged_files(store, tmp_path, mutations):
    write_compact(store, tmp_path / "a")
    assert mutations((tmp_path / "a").read_bytes(), read_compact, most=0.6) > 100
