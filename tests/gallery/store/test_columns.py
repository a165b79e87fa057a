"""Names, labels and metadata of rows; what was changed is met with an error, not believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store import Store


@pytest.fixture
def faces(make):
    return make([30, 1, 20])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_columns_are_sequences(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "columns"
    names = [f"{number}" for number in range(13)]
    labels = [None if number % 4 == 0 else f"p{number % 3}" for number in range(13)]
    meta = [{"n": number} if number % 2 else None for number in range(13)]
    if not folder.exists():
        with Store.create(folder, 2) as store:
            store.append(np.ones((13, 2), np.float32), names, labels, meta)
    store = Store.open(folder)
    for column, expected in ((store.names, names), (store.labels, labels), (store.meta, meta)):
        assert len(column) == 13
        assert list(column) == expected
        edges = st.none() | st.integers(-20, 20)
        part = slice(
            data.draw(edges), data.draw(edges), data.draw(st.sampled_from([None, 1, 2, -1, 5]))
        )
        assert column[part] == expected[part]
        row = data.draw(st.integers(-13, 12))
        assert column[row] == expected[row]
        assert column[np.int64(row)] == expected[row]
        for outside in (13, -14):
            with pytest.raises(IndexError):
                column[outside]


def test_labels_have_numbers(faces):
    path, model = faces
    ids, labels = Store.open(path).label_ids()
    assert ids.dtype == np.int32
    assert [None if number < 0 else labels[number] for number in ids] == model.labels
    assert len(labels) == len(set(labels)) == 11


def change(path, place, value, dtype):
    with path.open("r+b") as file:
        file.seek(place * np.dtype(dtype).itemsize)
        file.write(np.array([value], dtype).tobytes())


@pytest.mark.parametrize("value", [0, 1 << 40, (1 << 64) - 1])
def test_an_end_that_is_none_is_named(faces, value):
    path, _ = faces
    change(path / "text-ends", 2 * 7, value, "<u8")
    store = Store.open(path)
    with pytest.raises(
        StoreError, match=r"text-ends, byte 112: found the end \d+, expected \d+ to"
    ):
        store.names[7]
    with pytest.raises(StoreError, match="text"):
        list(store.meta)
    assert store.names[6].startswith("6/")


@pytest.mark.parametrize("value", [11, -2, -(1 << 31)])
def test_a_number_without_a_label_is_named(faces, value):
    path, _ = faces
    change(path / "label-ids", 33, value, "<i4")
    store = Store.open(path)
    message = f"label-ids, row 33: found label {value}, expected -1 to 10"
    for look in (store.label_ids, lambda: store.labels[33], lambda: store.labels[:]):
        with pytest.raises(StoreError, match=message):
            look()


def test_an_end_of_a_label_that_is_none_is_named(faces):
    path, _ = faces
    change(path / "label-ends", 3, 1 << 50, "<u8")
    with pytest.raises(StoreError, match="label-ends, byte 24"):
        Store.open(path).label_ids()


def test_metadata_that_is_no_object_is_named(faces):
    path, _ = faces
    texts = (path / "texts").read_bytes()
    for bad in (b"[1234567]", b'{"row":!}'):
        wrong = texts.replace(b'{"row":7}', bad)
        assert wrong != texts
        (path / "texts").write_bytes(wrong)
        with pytest.raises(StoreError, match="texts, row 7: found meta"):
            Store.open(path).meta[7]
