"""Features in an archive of NumPy's."""

import io
import zipfile

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.npz import read_npz, write_npz
from zqcnn_xp.gallery.store import Store


@pytest.fixture(params=[1, 5, 4096], autouse=True)
def block(request, monkeypatch):
    monkeypatch.setattr("zqcnn_xp.gallery.exchange.npz.block_rows", lambda dim: request.param)
    return request.param


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path, whole, save):
    values = np.arange(36, dtype=np.float32).reshape(9, 4)
    names = np.array([f"Bär {row}" for row in range(9)])
    save(tmp_path / "a.npz", feat=values, files=names, flip=values)
    features, called, labels = whole(read_npz(tmp_path / "a.npz"))
    assert np.array_equal(features, values)
    assert called == names.tolist()
    assert labels == [None] * 9
    save(tmp_path / "b.npz", features=values, labels=np.array([b"x", b""] * 4 + [b"y"]))
    _, called, labels = whole(read_npz(tmp_path / "b.npz"))
    assert called == [str(row) for row in range(9)]
    assert labels == ["x", None] * 4 + ["y"]


def test_there_and_back(store, tmp_path, whole):
    assert write_npz(store, tmp_path / "a.npz") == 12
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["names"].tolist() == store.names[:]
    features, names, labels = whole(read_npz(tmp_path / "a.npz"))
    assert np.array_equal(features, store.rows[0:12])
    assert names == store.names[:]
    assert labels == store.labels[:]


def test_an_empty_store(tmp_path, whole):
    with Store.create(tmp_path / "store", 2) as store:
        write_npz(store, tmp_path / "a.npz")
    assert whole(read_npz(tmp_path / "a.npz"))[0].shape == (0, 2)


@pytest.mark.parametrize("name", ["a\0", b"\xff".decode("utf-8", "surrogateescape")])
def test_what_numpy_cannot_keep_is_refused(tmp_path, name):
    with Store.create(tmp_path / "store", 1) as store:
        store.append(np.ones((1, 1), np.float32), [name])
        with pytest.raises(InputError, match="in names"):
            write_npz(store, tmp_path / "a.npz")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros((2, 2))}, "no array 'features'"),
        ({"feat": np.zeros((2, 2)), "features": np.zeros((2, 2))}, "found 2 of one kind"),
        ({"features": np.zeros(2)}, r"features\.npy, byte 10: found float64 of shape"),
        ({"features": np.asfortranarray(np.zeros((2, 3)))}, "Fortran"),
        ({"features": np.zeros((2, 3)), "names": np.array(["a"])}, r"expected \(2,\) strings"),
        ({"features": np.zeros((2, 3)), "labels": np.array([1, 2])}, r"expected \(2,\) strings"),
        ({"features": np.full((2, 3), np.nan)}, "found the value nan"),
        ({"features": np.zeros((2, 3), object)}, "of type object"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, whole, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DatasetError, match=message):
        whole(read_npz(tmp_path / "a.npz"))


def test_other_compressions_are_refused(tmp_path):
    file = io.BytesIO()
    np.save(file, np.zeros((2, 2)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("features.npy", file.getvalue())
    with pytest.raises(DatasetError, match="found method 14, expected stored or deflated"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_files(store, mutations, save):
    file = io.BytesIO()
    save(file, features=store.rows[0:12], names=np.array(store.names[:]))
    mutations(file.getvalue(), read_npz, count=350)


def test_the_features_of_lfw(shared_data, tmp_path, block, whole):
    """A real archive with names of 80 characters."""
    if block != 4096:
        pytest.skip("once is enough")
    path = shared_data / "golden" / "lfw_mobilefacenet_features.npz"
    features, names, _ = whole(read_npz(path))
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(features, archive["feat"])
        assert names == archive["files"].tolist()
    assert len(names) == 13233
