"""Reading that checks before it takes."""

import tracemalloc

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.source import Bounded, block_rows, checked_dim, finite, read_lines


def test_no_memory_for_what_is_not_there(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(10)))
    with path.open("rb") as raw:
        file = Bounded(raw, path)
        assert file.take(2, "two") == b"\0\1"
        tracemalloc.start()
        with pytest.raises(DatasetError, match="byte 2: found 8 bytes that remain, expected 10"):
            file.take(10**12, "more")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
        assert file.int32(0, 1 << 30, "a number") == 0x05040302
        with pytest.raises(DatasetError, match="byte 6: found 151521030 as a count, expected 0 to"):
            file.int32(0, 5, "a count")
        file.end()


def test_a_file_that_shrinks_is_noticed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(100000))
    with path.open("rb") as raw:
        file = Bounded(raw, path)
        path.write_bytes(bytes(10))
        with pytest.raises(DatasetError, match="found 10 bytes, expected 100000"):
            file.take(100000, "all")


def test_the_place_of_a_value_is_named():
    values = np.ones((3, 4), np.float32)
    finite(values, "a", 100, 4)
    values[2, 1] = np.inf
    with pytest.raises(DatasetError, match="a, byte 136: found the value inf"):
        finite(values, "a", 100, 4)


def test_lengths_of_features():
    assert checked_dim(65536, "a", "") == 65536
    for dim in (0, -1, 65537):
        with pytest.raises(DatasetError, match="expected 1 to 65536"):
            checked_dim(dim, "a", "byte 0")
    assert all(block_rows(dim) * dim * 4 <= 4 << 20 for dim in (1, 128, 1000, 65536))


def test_lines(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one\r\n\ntwo \nthr\xe9e")
    assert list(read_lines(path)) == ["one", "", "two ", "thr\udce9e"]
    path.write_bytes(b"")
    assert list(read_lines(path)) == []
