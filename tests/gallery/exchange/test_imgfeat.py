"""Features of single images."""

import struct

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.imgfeat import read_imgfeat, write_imgfeat
from zqcnn_xp.gallery.store import Store


def test_one_file(tmp_path, whole):
    path = tmp_path / "a.jpg.imgfeat"
    path.write_bytes(struct.pack("<i2f", 2, 1, -1))
    features, names, labels = whole(read_imgfeat(path))
    assert features.tolist() == [[1, -1]]
    assert names == ["a.jpg"]
    assert labels == [None]


def test_a_folder_is_a_database(store, tmp_path, whole):
    assert write_imgfeat(store, tmp_path / "out") == 12
    assert (tmp_path / "out" / "p1" / "Bär 4.jpg.imgfeat").stat().st_size == 24
    features, names, labels = whole(read_imgfeat(tmp_path / "out"))
    order = [store.names[:].index(name) for name in names]
    assert sorted(order) == list(range(12))
    assert np.array_equal(features, store.rows[0:12][order])
    assert labels == [store.labels[row] for row in order]
    with pytest.raises(InputError, match="there already for row 0"):
        write_imgfeat(store, tmp_path / "out")


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../../b", "", ".", "a\\b", "c:a", "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    with Store.create(tmp_path / "store", 1) as store:
        store.append(np.ones((1, 1), np.float32), [name])
        with pytest.raises(InputError, match="expected a path below a folder"):
            write_imgfeat(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\1", "byte 0: found 1 bytes that remain"),
        (struct.pack("<i", 1 << 20), "byte 0: found 1048576 values"),
        (struct.pack("<i", 3), "byte 4: found 0 bytes that remain, expected 12 for 3 values"),
        (struct.pack("<i2f", 2, 1, float("nan")), "byte 8: found the value nan"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, whole, data, message):
    (tmp_path / "a.imgfeat").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"a\.imgfeat, {message}"):
        whole(read_imgfeat(tmp_path / "a.imgfeat"))


def test_lengths_must_agree(tmp_path, whole):
    (tmp_path / "a.imgfeat").write_bytes(struct.pack("<i2f", 2, 1, 1))
    (tmp_path / "b.imgfeat").write_bytes(struct.pack("<i1f", 1, 1))
    with pytest.raises(DatasetError, match=r"b\.imgfeat, byte 0: found 1 values, expected 2"):
        whole(read_imgfeat(tmp_path))


def test_a_folder_without_features(tmp_path):
    with pytest.raises(DatasetError, match=r"no \.imgfeat file"):
        read_imgfeat(tmp_path)


def test_damaged_files(tmp_path, mutations):
    data = struct.pack("<i8f", 8, *range(8))
    assert mutations(data, read_imgfeat, name="a.imgfeat", most=0.6) > 100
