"""Features as one NumPy array."""

import io

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.npy import read_npy, write_npy
from zqcnn_xp.gallery.store import Store


@pytest.fixture(params=[1, 5, 4096], autouse=True)
def block(request, monkeypatch):
    monkeypatch.setattr("zqcnn_xp.gallery.exchange.npy.block_rows", lambda dim: request.param)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_floats_are_read(tmp_path, whole, dtype, order):
    values = np.arange(36, dtype=dtype).reshape(9, 4)
    np.save(tmp_path / "a.npy", np.asarray(values, order=order))
    features, names, labels = whole(read_npy(tmp_path / "a.npy"))
    assert features.dtype == np.float32
    assert np.array_equal(features, values)
    assert names == [str(row) for row in range(9)]
    assert labels == [None] * 9


def test_there_and_back(store, tmp_path, whole):
    assert write_npy(store, tmp_path / "a.npy", tmp_path / "names.txt") == 12
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), store.rows[0:12])
    features, names, _ = whole(read_npy(tmp_path / "a.npy", tmp_path / "names.txt"))
    assert np.array_equal(features, store.rows[0:12])
    assert names == store.names[:]


def test_an_empty_array(tmp_path, whole):
    np.save(tmp_path / "a.npy", np.empty((0, 3), np.float32))
    assert whole(read_npy(tmp_path / "a.npy"))[0].shape == (0, 3)


@pytest.mark.parametrize("lines", ["", "a\n", "a\nb\nc\n"])
def test_names_must_be_as_many(tmp_path, whole, lines):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    (tmp_path / "names").write_text(lines)
    with pytest.raises(DatasetError, match=r"names, line .* expected 2, one for each feature"):
        whole(read_npy(tmp_path / "a.npy", tmp_path / "names"))


def test_what_is_no_number_has_a_place(tmp_path, whole):
    values = np.zeros((9, 4))
    values[7, 2] = 1e300  # more than float32 holds
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DatasetError, match=r"a\.npy, byte 368: found the value inf"):
        whole(read_npy(tmp_path / "a.npy"))


def test_a_name_with_a_line_end_leaves_no_file(tmp_path):
    with Store.create(tmp_path / "store", 1) as store:
        store.append(np.ones((1, 1), np.float32), ["a\nb"])
        with pytest.raises(InputError, match="no line end"):
            write_npy(store, tmp_path / "a.npy", tmp_path / "names")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_damaged_files(store, tmp_path, mutations, block):
    file = io.BytesIO()
    np.save(file, store.rows[0:12])
    mutations(file.getvalue(), read_npy, count=700)
