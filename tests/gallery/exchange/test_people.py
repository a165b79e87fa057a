"""Rows person by person."""

import io

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.exchange.people import People, write_lines
from zqcnn_xp.gallery.store import Store


@pytest.fixture
def labelled(tmp_path):
    with Store.create(tmp_path / "faces", 1) as store:
        values = np.arange(6, dtype=np.float32)[:, None]
        labels = ["Bo", None, "Ann", "Bo", None, "Cy"]
        store.append(values, [""] * 6, labels)
        return store.copy(tmp_path / "copy", np.array([1, 5, 0, 4, 3]))  # Ann has no row there


def test_persons_come_as_they_came_into_the_store(labelled):
    people = People(labelled, skip_unlabelled=True)
    assert people.labels == ["Cy", "Bo"]
    assert people.counts.tolist() == [1, 2]
    for size in (1, 2, 10):
        blocks = list(people.blocks(size))
        assert np.concatenate([rows for rows, _ in blocks]).tolist() == [1, 2, 4]
        assert np.concatenate([values for _, values in blocks])[:, 0].tolist() == [5, 0, 3]


def test_rows_of_nobody_are_an_error(labelled):
    with pytest.raises(InputError, match="found 2 rows without a label, row 0 for one"):
        People(labelled)


def test_lines_hold_no_line_ends():
    file = io.BytesIO()
    write_lines(file, ["Ann", "caf\udce9"], "name")
    assert file.getvalue() == b"Ann\ncaf\xe9\n"
    for text in ("a\nb", "a\rb"):
        with pytest.raises(InputError, match="as name 1, expected no line end"):
            write_lines(file, ["a", text], "name")
