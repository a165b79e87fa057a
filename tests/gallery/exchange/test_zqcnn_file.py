"""ZQCNN's face database, byte by byte, there and back, and damaged."""

import struct

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.zqcnn_file import read_zqcnn, write_zqcnn
from zqcnn_xp.gallery.store import Store


def database(persons, dim=2, count=None):
    """The bytes of a file by its description, written another way than the library does."""
    data = struct.pack("<ii", dim, len(persons) if count is None else count)
    for faces in persons:
        data += struct.pack("<i", len(faces))
        for name, values in faces:
            data += struct.pack(f"<i{len(name) + 1}s{len(values)}f", len(name) + 1, name, *values)
    return data


ANN = [(b"a/1.jpg", (1.0, 2.0)), (b"", (3.0, 4.0))]
BO = [(b"caf\xe9.jpg", (-1.0, 0.5))]


def test_a_file_is_read_as_it_is_described(tmp_path, whole):
    path = tmp_path / "faces"
    path.write_bytes(database([ANN, [], BO]))
    features, names, labels = whole(read_zqcnn(path))
    assert features.tolist() == [[1, 2], [3, 4], [-1, 0.5]]
    assert names == ["a/1.jpg", "", "caf\udce9.jpg"]
    assert labels == ["0", "0", "2"]
    (tmp_path / "names").write_bytes(b"Ann\r\nNobody\nB\xf6\n")
    assert whole(read_zqcnn(path, tmp_path / "names"))[2] == ["Ann", "Ann", "B\udcf6"]


def test_a_file_is_written_as_it_is_described(tmp_path):
    with Store.create(tmp_path / "store", 2) as store:
        values = np.array([[1, 2], [-1, 0.5], [3, 4]], np.float32)
        names = ["a/1.jpg", b"caf\xe9.jpg".decode("utf-8", "surrogateescape"), ""]
        store.append(values, names, ["Ann", "Bo", "Ann"])
        assert write_zqcnn(store, tmp_path / "faces", tmp_path / "names") == 3
    assert (tmp_path / "faces").read_bytes() == database([ANN, BO])
    assert (tmp_path / "names").read_bytes() == b"Ann\nBo\n"


@pytest.mark.parametrize("rows", [1, 5, 4096])
def test_there_and_back(store, tmp_path, whole, rows, monkeypatch):
    monkeypatch.setattr("zqcnn_xp.gallery.exchange.zqcnn_file.block_rows", lambda dim: rows)
    write_zqcnn(store, tmp_path / "faces.feat", tmp_path / "names")
    features, names, labels = whole(read_zqcnn(tmp_path / "faces.feat", tmp_path / "names"))
    order = [row for person in range(3) for row in range(person, 12, 3)]
    assert np.array_equal(features, store.rows[0:12][order])
    assert names == [store.names[row] for row in order]
    assert labels == [store.labels[row] for row in order]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: found 0 bytes that remain, expected 4 for the length of a feature"),
        (b"\2\0\0\0", "byte 4: found 0 bytes that remain, expected 4 for the number of persons"),
        (struct.pack("<ii", 0, 0), "byte 0: found 0 values of a feature, expected 1 to 65536"),
        (struct.pack("<ii", -1, 0), "byte 0: found -1 as the length"),
        (struct.pack("<ii", 1 << 30, 0), "byte 0: found 1073741824 values"),
        (database([], count=-1), "byte 4: found -1 as the number of persons"),
        (database([BO], count=1 << 30), "byte 8: found 25 bytes that remain, expected 4294967296"),
        (struct.pack("<iii", 2, 1, 1 << 30), "byte 12: found 0 bytes that remain, expected 13958"),
        (struct.pack("<iii", 2, 1, -1), "byte 8: found -1 as the number of features of person 0"),
        (database([ANN, BO])[:-1], "byte 62: found 7 bytes that remain, expected 8 for a feature"),
        (
            database([ANN, BO]) + b"x",
            "byte 70: found 1 bytes after the last feature, expected none",
        ),
        (database([[(b"a\0b", (1, 2))]]), "byte 16: found a name with its first NUL at 1"),
        (database([ANN])[:-4] + b"\0\0\x80\x7f", "byte 41: found the value inf, expected a finite"),
        (struct.pack("<iiii", 1, 1, 1, 0) + bytes(9), "byte 12: found 0 as the length of a name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, whole, data, message):
    path = tmp_path / "faces"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=f"faces, {message}"):
        whole(read_zqcnn(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"Ann\n", "line 1: found 1 lines, expected 2"),
        (b"", "line 0: found 0 lines"),
        (b"Ann\nBo\nCy\n", "line 3: found more than 2 lines"),
        (b"x" * 70000, "line 1: found more than 65536 bytes"),
    ],
)
def test_names_that_do_not_fit_are_named(tmp_path, whole, text, message):
    (tmp_path / "faces").write_bytes(database([ANN, BO]))
    (tmp_path / "names").write_bytes(text)
    with pytest.raises(DatasetError, match=f"names, {message}"):
        whole(read_zqcnn(tmp_path / "faces", tmp_path / "names"))


def test_what_the_file_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "faces"
    one = np.ones((1, 2), np.float32)
    for name, label, message in (
        ("a\0b", "x", "expected no NUL"),
        ("a", "x\ny", "expected no line end"),
        ("a", None, "found 1 rows without a label, row 0 for one"),
    ):
        with Store.create(tmp_path / message, 2) as store:
            store.append(one, [name], [label])
            with pytest.raises(InputError, match=message):
                write_zqcnn(store, path, tmp_path / "names")
        assert not path.exists()
        assert not (tmp_path / "names").exists()


def test_rows_of_nobody_can_be_left_out(tmp_path, whole):
    with Store.create(tmp_path / "store", 2) as store:
        store.append(np.ones((3, 2), np.float32), ["a", "b", "c"], [None, "x", None])
        assert write_zqcnn(store, tmp_path / "faces", skip_unlabelled=True) == 1
    assert whole(read_zqcnn(tmp_path / "faces"))[1] == ["b"]


def test_damaged_files(store, tmp_path, mutations):
    write_zqcnn(store, tmp_path / "faces.feat")
    assert mutations((tmp_path / "faces.feat").read_bytes(), read_zqcnn) > 100


def test_a_file_cut_anywhere_is_an_error(store, tmp_path, whole):
    write_zqcnn(store, tmp_path / "faces.feat")
    data = (tmp_path / "faces.feat").read_bytes()
    for size in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(DatasetError, match="cut, byte"):
            whole(read_zqcnn(tmp_path / "cut"))
