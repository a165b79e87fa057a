"""Bytes and lines of data sets' files: bounded, with the errors of data sets."""

from __future__ import annotations

import io

import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.sources import read_dataset, read_lines


def test_bounds(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    assert read_dataset(path, 5).data == b"12345"
    for read in (read_dataset, read_lines):
        for source in (path, b"12345", io.BytesIO(b"12345")):
            with pytest.raises(DatasetError, match="expected at most 4 bytes"):
                read(source, 4)
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "none")


def test_lines():
    assert read_lines(b"") == ("<bytes>", [])
    assert read_lines(b"a\n\nb")[1] == ["a", "", "b"]
    assert read_lines(b"\xef\xbb\xbfa\r\nb\r\n")[1] == ["a", "b"]
    # what Unicode calls the end of a line may stand in a name
    assert read_lines("Ann\u2028Bo\x0b\n".encode())[1] == ["Ann\u2028Bo\x0b"]
    with pytest.raises(DatasetError, match="line 2: found the byte 0xff, expected UTF-8 text"):
        read_lines(b"a\nb\xff\n")


def test_a_folder_is_no_file(tmp_path):
    for path in (tmp_path, str(tmp_path)):
        with pytest.raises(DatasetError, match="found a folder, expected a file"):
            read_dataset(path)
