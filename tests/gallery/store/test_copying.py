"""Copies: selections, other types, and none that is half done."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, StoreError
from zqcnn_xp.gallery.rows import decoded, quantize
from zqcnn_xp.gallery.store import Store, copying


@pytest.fixture(params=[1 << 14, 3], autouse=True)
def block(request, monkeypatch):
    monkeypatch.setattr(copying, "_BLOCK", request.param)


def test_a_copy_is_equal_and_one_append(make, tmp_path):
    path, model = make([4, 1, 6])
    copy = Store.open(path).copy(tmp_path / "copy")
    model.check(copy)
    assert copy.verify().appends == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy", "faces"]


def test_rows_are_picked_in_their_order(make, tmp_path):
    path, model = make([4, 1, 6])
    index = [10, 2, 2, 0]
    copy = Store.open(path).copy(tmp_path / "copy", np.array(index))
    assert np.array_equal(copy.rows[0:4], model.features[index])
    assert copy.names[:] == [model.names[row] for row in index]
    assert copy.labels[:] == [model.labels[row] for row in index]
    assert copy.meta[:] == [model.meta[row] for row in index]
    assert len(Store.open(path).copy(tmp_path / "none", np.array([], int))) == 0


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int16"])
@pytest.mark.parametrize("other", ["float32", "float16", "int8", "int16"])
def test_types_are_converted(make, tmp_path, dtype, other):
    path, model = make([4, 1, 6], dtype=dtype)
    store = Store.open(path)
    values = decoded(store.rows, 0, 11)
    copy = store.copy(tmp_path / "copy", dtype=other)
    assert copy.dtype == other
    if other == dtype:
        assert np.array_equal(copy.rows[0:11], store.rows[0:11])
    elif other.startswith("int"):
        assert np.array_equal(copy.rows[0:11], quantize(values, other)[0:11])
    else:
        assert np.array_equal(copy.rows[0:11], values.astype(other))
    if other.startswith("int"):
        exact = copy.rows[0:11] * copy.rows.scales[:, None].astype(float)
        lost = np.linalg.norm(model.features - exact, axis=1)
        # float16 does not keep what its rounding took.
        assert (copy.rows.errors + (0.002 if dtype == "float16" else 0) >= lost).all()


def test_what_cannot_be_copied_leaves_nothing(make, tmp_path):
    path, _ = make([4])
    store = Store.open(path)
    for rows in ([4], [-1], [0.5], [[1]]):
        with pytest.raises(InputError, match="found rows"):
            store.copy(tmp_path / "copy", np.array(rows))
    with pytest.raises(InputError, match="dtype"):
        store.copy(tmp_path / "copy", dtype="float64")
    with pytest.raises(StoreError, match="found something there already"):
        store.copy(path)
    with Store.create(tmp_path / "large", 2) as large:
        large.append(np.full((9, 2), 1e6, np.float32), ["a"] * 9)
        with pytest.raises(InputError, match="beyond float16"):
            large.copy(tmp_path / "copy", dtype="float16")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["faces", "large"]


def test_a_damaged_store_is_repaired_by_a_copy(make, tmp_path):
    path, model = make([4, 1, 6])
    with (path / "rows").open("r+b") as file:
        file.truncate(16 * 9)
    copy = Store.open(path, recover=True).copy(tmp_path / "copy")
    model.check(copy, 5)
    copy.verify()
    with Store.open(tmp_path / "copy", "a") as store:
        store.append(np.ones((1, 4), np.float32), ["more"])
