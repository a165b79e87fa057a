"""What is read of a store."""

import numpy as np
import pytest

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.rows import ArrayRows, Rows, quantize
from zqcnn_xp.gallery.store import Store


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_of_floats_are_one_mapped_array(make, dtype):
    path, model = make([4, 3], dtype=dtype)
    rows = Store.open(path).rows
    assert isinstance(rows, Rows)
    assert rows.shape == (7, 4)
    assert rows.dtype == dtype
    assert rows.scales is None
    assert rows.errors is None
    assert np.array_equal(rows[2:5], model.features[2:5].astype(dtype))
    assert rows[2:5].base is not None
    assert not rows[2:5].flags.writeable


def test_rows_of_integers_have_scales_and_errors(make):
    path, model = make([4, 3], dtype="int8")
    rows, whole = Store.open(path).rows, quantize(model.features)
    assert rows.dtype == np.int8
    for found, expected in (
        (rows[0:7], whole[0:7]), (rows.scales, whole.scales), (rows.errors, whole.errors)
    ):  # fmt: skip
        assert np.array_equal(found, expected)


def test_errors_count_only_while_all_are_known(tmp_path):
    whole = quantize(np.ones((2, 4), np.float32))
    with Store.create(tmp_path / "a", 4, "int8") as store:
        store.append(whole, ["a", "b"])
        assert store.rows.errors is not None
        store.append(ArrayRows(whole[0:2], whole.scales), ["a", "b"])
        assert store.rows.errors is None
        store.append(whole, ["a", "b"])
    assert Store.open(tmp_path / "a").rows.errors is None


def test_batches_hold_everything(make, tmp_path):
    for dtype in ("float32", "int8"):
        path, model = make([4, 3], dtype=dtype, name=dtype)
        store = Store.open(path)
        batches = list(store.batches(3))
        assert [len(batch.names) for batch in batches] == [3, 3, 1]
        with Store.create(tmp_path / f"{dtype}2", 4, dtype) as again:
            assert again.extend(batches) == 7
            assert np.array_equal(again.rows[0:7], store.rows[0:7])
            assert again.names[:] == model.names
            assert again.labels[:] == model.labels
            assert again.meta[:] == model.meta


def test_what_was_handed_out_stays_valid(make):
    path, model = make([4, 3])
    with Store.open(path) as store:
        rows, names = store.rows, store.names
    assert np.array_equal(rows[0:7], model.features)
    assert names[6] == model.names[6]
    for look in (lambda: store.rows, lambda: store.names, store.label_ids):
        with pytest.raises(StoreError, match="a store that was closed"):
            look()


def test_a_store_says_what_it_is(make):
    path, _ = make([4, 3])
    assert repr(Store.open(path)) == f"<Store {str(path)!r}: 7 x 4 float32>"
