from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.feature_files import (
    folder_labels,
    read_features,
    read_labels,
    read_names,
)
from zqcnn_xp.gallery.store import Store

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_an_npz_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    names = np.array(["a/1.jpg", "a/2.jpg", "b/1.jpg", "é/1.jpg"])
    np.savez_compressed(path, feat=FEATURES, flip=FEATURES * 2, files=names, labels=[7, 7, 3, 3])
    found = read_features(path)
    assert (found.features == FEATURES).all()
    assert found.names == tuple(names)
    assert found.labels.tolist() == [1, 1, 0, 0]
    assert (read_features(path, flip="sum").features == FEATURES * 3).all()
    joined = read_features(path, flip="concatenate").features
    assert (joined == np.hstack([FEATURES, FEATURES * 2])).all()
    assert (read_features(path, key="flip").features == FEATURES * 2).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_an_npy_of_any_float(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "f.npy", FEATURES.astype(dtype))
    found = read_features(tmp_path / "f.npy")
    assert found.names is found.labels is None
    assert found.features.dtype.isnative
    assert (found.array() == FEATURES).all()
    if dtype != ">f4":
        assert isinstance(found.features, np.memmap)


def test_columns_first(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.asfortranarray(FEATURES))
    np.savez(tmp_path / "f.npz", features=np.asfortranarray(FEATURES))
    for name in ("f.npy", "f.npz"):
        assert (read_features(tmp_path / name).array() == FEATURES).all()


def test_a_mat(tmp_path: Path) -> None:
    savemat(tmp_path / "f.mat", {"features": FEATURES, "other": FEATURES[:2]})
    assert (read_features(tmp_path / "f.mat").array() == FEATURES).all()
    assert len(read_features(tmp_path / "f.mat", key="other").array()) == 2
    with pytest.raises(DatasetError, match="none"):
        read_features(tmp_path / "f.mat", key="none")


def test_a_store_stays_in_its_files(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store", 3) as store:
        store.append(FEATURES, ["1", "2", "3", "4"], ["x", "x", "y", "x"])
    found = read_features(tmp_path / "store")
    assert not isinstance(found.features, np.ndarray)
    assert (found.array() == FEATURES).all()
    assert found.names == ("1", "2", "3", "4")
    assert found.labels.tolist() == [0, 0, 1, 0]
    with Store.open(tmp_path / "store", "a") as store:
        store.append(FEATURES, ["5", "6", "7", "8"])  # of nobody
    assert read_features(tmp_path / "store").labels is None


def test_files_of_the_original(tmp_path: Path) -> None:
    from zqcnn_xp.gallery.exchange import export_features

    with Store.create(tmp_path / "store", 3) as store:
        store.append(FEATURES, ["1", "2", "3", "4"], ["x", "y", "x", "y"])
        export_features(store, tmp_path / "faces.bin", "zqcnn")
        export_features(store, tmp_path / "compact.bin", "zqcnn-compact")
    for name, kind in (("faces.bin", "zqcnn"), ("compact.bin", "zqcnn-compact")):
        found = read_features(tmp_path / name, format=kind)
        assert (found.array() == FEATURES[[0, 2, 1, 3]]).all()
        assert found.labels.tolist() == [0, 0, 1, 1]


def test_labels_and_names(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("bo\nann\nbo\n")
    np.save(tmp_path / "l.npy", np.array([9, 4, 9]))
    assert read_labels(tmp_path / "l.txt").tolist() == [1, 0, 1]
    assert read_labels(tmp_path / "l.npy").tolist() == [1, 0, 1]
    assert read_names(tmp_path / "l.txt") == ("bo", "ann", "bo")
    np.save(tmp_path / "l.npy", np.array([0.5, 1]))
    with pytest.raises(DatasetError, match="labels: "):
        read_labels(tmp_path / "l.npy")
    assert folder_labels(["a/1", "2"]) is None
    assert folder_labels([]) is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "0 matrices of floats"),
        ({"a": FEATURES, "b": FEATURES}, "2 matrices of floats among a, b"),
        ({"a": FEATURES[0]}, "0 matrices"),
        ({"feat": np.ones((2, 2), int)}, "int64"),
        ({"feat": np.ones((0, 2))}, r"shape \(0, 2\)"),
        ({"feat": FEATURES, "files": np.array(["a"])}, "names"),
        ({"feat": FEATURES, "files": np.array([b"\xff"] * 4)}, "UTF-8"),
        ({"feat": FEATURES, "labels": np.arange(3)}, "3 labels, expected 4"),
        ({"feat": FEATURES, "labels": np.ones(4)}, "integers or texts"),
    ],
)
def test_archives_that_hold_something_else(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DatasetError, match=message):
        read_features(tmp_path / "f.npz")


def test_flips_that_are_not_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", feat=FEATURES, flip=FEATURES[:2])
    with pytest.raises(DatasetError, match="an array 'flip'"):
        read_features(tmp_path / "f.npz", flip="sum")
    np.save(tmp_path / "f.npy", FEATURES)
    with pytest.raises(InputError, match="npz"):
        read_features(tmp_path / "f.npy", flip="sum")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"abc")
    with pytest.raises(DatasetError, match=r"suffix '\.bin'"):
        read_features(tmp_path / "f.bin")
    with pytest.raises(FileNotFoundError):
        read_features(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):  # a store that is not there has no wrong suffix
        read_features(tmp_path / "store")


def test_damaged_files_give_one_error(tmp_path: Path, damage: Any) -> None:
    """Every kind of file, mutated: our error or the right shape, never another exception."""
    kinds: dict[str, bytes] = {}
    for name, save in (
        ("f.npy", lambda file: np.save(file, FEATURES)),
        ("f.npz", lambda file: np.savez(file, feat=FEATURES, files=np.array(list("abcd")))),
        ("g.npz", lambda file: np.savez_compressed(file, feat=FEATURES, labels=[1, 1, 2, 2])),
    ):
        held = io.BytesIO()
        save(held)
        kinds[name] = held.getvalue()
    rng = random.Random(0)
    refused = 0
    for turn in range(2000):
        name = list(kinds)[turn % 3]
        data = damage.mutate(rng, kinds[name])
        path = tmp_path / name
        path.write_bytes(data)
        try:
            found = read_features(path)
        except DatasetError:
            refused += 1
        else:
            assert found.features.ndim == 2
    assert refused > 500


def test_objects_and_false_sizes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="object"):
        read_features(tmp_path / "f.npy")
    np.savez(tmp_path / "f.npz", feat=np.array([[{}]], dtype=object))
    with pytest.raises(DatasetError, match="object"):
        read_features(tmp_path / "f.npz")
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 512)}"
    head = head.ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    (tmp_path / "f.npy").write_bytes(data)
    with pytest.raises(DatasetError, match="0 bytes that remain, expected 2048000000000"):
        read_features(tmp_path / "f.npy")
