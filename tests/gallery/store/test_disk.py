"""Bytes to the disk and from it."""

import errno
from io import FileIO

import numpy as np
import pytest

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store.disk import (
    cut,
    mapped,
    opened,
    read_at,
    size_of,
    sync,
    sync_folder,
    write,
)


class Slow(FileIO):
    """Takes three bytes at a time."""

    def write(self, data):
        return super().write(bytes(data)[:3])


def test_a_write_goes_on_until_all_is_written(tmp_path):
    path = tmp_path / "a"
    with Slow(path, "w") as file:
        write(file, path, 2, b"0123456789")
    assert path.read_bytes() == b"\0\x000123456789"


def test_bytes_come_back(tmp_path):
    path = tmp_path / "a"
    with opened(path, "w+b") as file:
        write(file, path, 0, memoryview(np.arange(5, dtype="<i4")))
        sync(file, path)
        sync_folder(tmp_path)
        assert read_at(file, path, 4, 4) == b"\1\0\0\0"
        assert read_at(file, path, 16, 100) == b"\4\0\0\0"
        cut(file, path, 8)
    assert size_of(path) == 8
    assert size_of(tmp_path / "none") == 0


def test_what_the_system_refuses_names_the_file(tmp_path):
    with pytest.raises(StoreError, match=r"absent: found 'no such file or directory'"):
        opened(tmp_path / "absent", "rb")


def test_a_write_that_fails_says_where(tmp_path):
    class Full(FileIO):
        def write(self, data):
            if self.tell() >= 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(bytes(data)[:4])

    path = tmp_path / "a"
    with Full(path, "w") as file, pytest.raises(StoreError) as caught:
        write(file, path, 0, b"0123456789")
    assert "a, byte 4: found 'no space left on device', expected room for 6" in str(caught.value)


def test_a_map_is_a_plain_array_that_cannot_be_written(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(np.arange(10, dtype="<f4").tobytes() + b"more")
    array = mapped(path, "<f4", (5, 2))
    assert type(array) is np.ndarray
    assert array[4].tolist() == [8, 9]
    assert not array.flags.writeable
    assert mapped(path, "<f4", (0, 2)).shape == (0, 2)


def test_a_map_never_reaches_past_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(39))
    with pytest.raises(StoreError, match="byte 39: found 39 bytes, expected 40 at least"):
        mapped(path, "<f4", (5, 2))
    with pytest.raises(StoreError, match="found 39 bytes"):
        mapped(path, "<f4", (1 << 40, 1 << 40))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_folders_without_a_sync_are_none_the_worse(tmp_path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, "refused")

    monkeypatch.setattr("os.fsync", refuse)
    sync_folder(tmp_path)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOSPC])
def test_a_folder_whose_sync_fails_is_named(tmp_path, monkeypatch, number):
    def refuse(_):
        raise OSError(number, "refused")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StoreError, match=f"{tmp_path}: found 'refused'"):
        sync_folder(tmp_path)
    with pytest.raises(StoreError, match="absent: found"):
        sync_folder(tmp_path / "absent")
