"""Formats by name and suffix; imports and exports that happen whole or not at all."""

import tracemalloc

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError, StoreError
from zqcnn_xp.gallery.exchange import (
    FORMATS,
    export_features,
    import_features,
    new_store,
    open_features,
)
from zqcnn_xp.gallery.rows import decoded
from zqcnn_xp.gallery.store import Store

FILES = {
    "zqcnn": ("a.feat", "names"),
    "zqcnn-compact": ("a.compact", "names"),
    "imgfeat": ("folder", None),
    "npy": ("a.npy", "names"),
    "npz": ("a.npz", None),
    "parquet": ("a.parquet", None),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_every_format_there_and_back(store, tmp_path, name, dtype):
    path, names = (entry and tmp_path / entry for entry in FILES[name])
    (tmp_path / "folder").mkdir()
    known = name in ("imgfeat", "npy", "npz", "parquet")
    copy = store.copy(tmp_path / "copy", dtype=dtype)
    assert export_features(copy, path, None if known else name, names=names) == 12
    with new_store(tmp_path / "new", path, None if known else name, names=names) as new:
        # The compact file does not hold names; persons follow each other as in the store.
        order = [row for person in range(3) for row in range(person, 12, 3)]
        if name != "zqcnn-compact":
            order = [store.names[:].index(called) for called in new.names]
        assert sorted(order) == list(range(12))
        assert np.array_equal(new.rows[0:12], decoded(copy.rows, 0, 12)[order])
        if name != "npy":
            assert new.labels[:] == [store.labels[row] for row in order]
        assert new.verify().appends == 1
    with Store.open(tmp_path / "copy", "a") as more:
        assert import_features(more, path, name, names=names) == 12
        assert len(more) == 24
        assert more.dtype == dtype


def test_an_unknown_format_is_refused(store, tmp_path):
    for path in ("a", "a.bin", "a.npy.gz"):
        with pytest.raises(
            InputError, match=r"ends in \.imgfeat, \.npy, \.npz, \.parquet, or a fo"
        ):
            open_features(tmp_path / path)
    with pytest.raises(InputError, match="found format 'csv', expected one of zqcnn, "):
        export_features(store, tmp_path / "a.npy", "csv")
    with pytest.raises(InputError, match="names for npz, which holds names itself"):
        open_features(tmp_path / "a.npz", names=tmp_path / "names")


def test_a_file_that_is_not_there(store, tmp_path):
    for name in FORMATS:
        with pytest.raises(OSError, match=r"absent"):
            open_features(tmp_path / "absent", name)
    with pytest.raises(OSError, match="cannot be written"):
        export_features(store, tmp_path / "none" / "a.npy")


def test_damage_that_comes_late_leaves_no_trace(store, tmp_path):
    values = np.zeros((20000, 5), np.float32)
    values[-1, -1] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DatasetError, match="found the value nan"):
        new_store(tmp_path / "new", tmp_path / "a.npy")
    with Store.open(store.path, "a") as writer:
        with pytest.raises(DatasetError, match="found the value nan"):
            import_features(writer, tmp_path / "a.npy")
        assert len(writer) == 12
        assert writer.uncommitted() == {}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.npy", "faces"]


@pytest.mark.parametrize("name", ["zqcnn", "zqcnn-compact", "npy", "npz", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    path, _ = (entry and tmp_path / entry for entry in FILES[name])
    rows = 40_000
    features = np.random.default_rng(0).standard_normal((rows, 128), np.float32)  # 20 MB
    labels = [f"{row // 10}" for row in range(rows)]
    with Store.create(tmp_path / "faces", 128, durability="os") as store:
        store.append(features, [f"{row}" for row in range(rows)], labels)
    del features
    with Store.open(tmp_path / "faces") as store:
        tracemalloc.start()
        export_features(store, path, name)
        exported = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        new_store(tmp_path / "new", path, name).close()
        imported = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert exported < 15 << 20
    assert imported < 15 << 20


def test_another_length_is_refused(store, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 6), np.float32))
    with (
        Store.open(store.path, "a") as writer,
        pytest.raises(InputError, match=r"found 6 values .* expected 5 as the store holds"),
    ):
        import_features(writer, tmp_path / "a.npy")


def test_a_store_is_not_made_over_another(store, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 5), np.float32))
    with pytest.raises(StoreError, match="something there already"):
        new_store(store.path, tmp_path / "a.npy")
