"""Features as a Parquet file."""

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.parquet import read_parquet, write_parquet
from zqcnn_xp.gallery.rows import decoded
from zqcnn_xp.gallery.store import Store

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_there_and_back(store, tmp_path, dtype):
    path = tmp_path / "a.parquet"
    copy = store.copy(tmp_path / "copy", dtype=dtype)
    assert write_parquet(copy, path) == 12
    batches = list(read_parquet(path).batches)
    assert np.array_equal(batches[0].features, decoded(copy.rows, 0, 12))
    assert list(batches[0].names) == store.names[:]
    assert batches[0].labels == store.labels[:]
    assert batches[0].meta == store.meta[:]


def test_others_can_read_it(store, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(store, path)
    table = parquet.read_table(path)
    assert table.column_names == ["feature", "name", "label", "meta"]
    assert table.column("feature").type == arrow.list_(arrow.float32(), 5)
    assert table.column("name").to_pylist() == store.names[:]
    assert table.column("meta").to_pylist()[1] == '{"row": 1}'


def test_what_others_write_is_read(tmp_path, whole):
    lists = arrow.array([[1.0, 2.0], [3.0, 4.0]], arrow.list_(arrow.float64(), 2))
    parquet.write_table(arrow.table({"feature": lists, "other": [1, 2]}), tmp_path / "a.parquet")
    features, names, labels = whole(read_parquet(tmp_path / "a.parquet"))
    assert features.tolist() == [[1, 2], [3, 4]]
    assert names == ["0", "1"]
    assert labels == [None, None]


FIXED = arrow.list_(arrow.float32(), 2)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1]}, "found the columns a, expected one called 'feature'"),
        ({"feature": [1.0]}, "column 'feature': found double, expected a fixed-size list"),
        ({"feature": [[1.0, 2.0]]}, "expected a fixed-size list"),
        ({"feature": arrow.array([[1, 2]], arrow.list_(arrow.int32(), 2))}, "fixed-size list"),
        ({"feature": arrow.array([[1.0, 2.0], None], FIXED)}, "a missing value"),
        ({"feature": arrow.array([[1.0, None]], FIXED)}, "a missing value"),
        ({"feature": arrow.array([[1.0, 2.0], [np.nan, 1.0]], FIXED)}, "row 1: found a value that"),
        ({"feature": arrow.array([[1.0, 2.0]], FIXED), "name": [7]}, "column 'name': found int64"),
        (
            {"feature": arrow.array([[1.0, 2.0]], FIXED), "meta": ["[]"]},
            "row 0: found meta of type",
        ),
        ({"feature": arrow.array([[1.0, 2.0]], FIXED), "meta": ["{"]}, "meta that is no JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, whole, columns, message):
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=message):
        whole(read_parquet(tmp_path / "a.parquet"))


def test_what_is_no_text_is_refused(tmp_path):
    with Store.create(tmp_path / "store", 1) as store:
        store.append(np.ones((1, 1), np.float32), [b"\xff".decode("utf-8", "surrogateescape")])
        with pytest.raises(InputError, match="expected UTF-8"):
            write_parquet(store, tmp_path / "a.parquet")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_an_empty_store(tmp_path, whole):
    with Store.create(tmp_path / "store", 2) as store:
        write_parquet(store, tmp_path / "a.parquet")
    assert whole(read_parquet(tmp_path / "a.parquet"))[0].shape == (0, 2)


def test_damaged_files(store, tmp_path, mutations):
    write_parquet(store, tmp_path / "whole.parquet")
    mutations((tmp_path / "whole.parquet").read_bytes(), read_parquet, name="a.parquet")
