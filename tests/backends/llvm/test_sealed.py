"""Files that hold what was written, or count as absent: damage, owners, modes, full disks."""

from __future__ import annotations

import errno
import os
import random

import pytest

from zqcnn_xp_llvm.sealed import distrust, read_sealed, write_sealed

SEAL = b"key"
DATA = b"object code \x00\xff"

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "entry.o"
    write_sealed(str(file), SEAL, DATA)
    return file


def read(path, seal=SEAL):
    found = read_sealed(str(path), seal)
    return None if found is None else found[0]


# The test's name is the same in every process, which running them in parallel needs.
@pytest.mark.parametrize("data", [b"", b"\x00", DATA, random.Random(0).randbytes(100_000)], ids=len)
def test_round_trip(tmp_path, data):
    path = tmp_path / "entry.o"
    assert write_sealed(str(path), SEAL, data) == path.stat().st_size
    assert read_sealed(str(path), SEAL) == (data, path.stat().st_mtime)
    assert [entry.name for entry in tmp_path.iterdir()] == ["entry.o"]


def test_every_truncation_is_found_and_removed(path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read(path) is None, length
        assert not path.exists(), length


def test_every_flipped_bit_is_found_and_removed(path):
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert read(path) is None, bit
        assert not path.exists(), bit


def test_more_bytes_than_were_written(path):
    path.write_bytes(path.read_bytes() + b"\x00")
    assert read(path) is None
    assert not path.exists()


def test_a_file_of_another_key(path):
    assert read(path, b"other") is None
    assert not path.exists()


def test_a_length_beyond_memory_takes_none(path):
    whole = bytearray(path.read_bytes())
    whole[12:20] = b"\xff" * 8
    path.write_bytes(whole)
    assert read(path) is None


def test_an_older_file_is_replaced(path):
    write_sealed(str(path), SEAL, b"new")
    assert read(path) == b"new"


@posix
def test_the_owner_alone_may_read_and_write_it(path):
    assert path.stat().st_mode & 0o777 == 0o600


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_to_is_left_alone(path, mode):
    path.chmod(mode)
    assert read(path) is None
    assert path.exists()
    path.chmod(0o644)  # to read it harms nobody
    assert read(path) == DATA


@posix
def test_what_another_user_owns(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    held = path.stat()
    assert (read(path) is None) is (held.st_uid != 0)
    owner = os.stat_result((held.st_mode, 0, 0, 1, 4242, 0, 0, 0, 0, 0))
    assert "user 4242" in distrust(owner, folder=False)
    root = os.stat_result((held.st_mode, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    assert distrust(root, folder=False) is None


@posix
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.timeout(20)
def test_a_pipe_a_folder_and_a_link_in_its_place(path, tmp_path):
    pipe = tmp_path / "pipe.o"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.o"
    folder.mkdir()
    link = tmp_path / "link.o"
    link.symlink_to(path)
    for other in (pipe, folder, link):
        assert read(other) is None
        assert other.exists()
    assert read(path) == DATA


def test_an_absent_file(tmp_path):
    assert read(tmp_path / "none.o") is None


@pytest.mark.parametrize("good", [0, 1, 10])
def test_a_disk_that_fills_up_leaves_the_older_file(path, monkeypatch, good):
    real = os.write
    left = good

    def write(file, data):
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(file, data[: min(left, len(data))])
        left -= done
        return done

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        write_sealed(str(path), SEAL, b"new")
    assert read(path) == DATA
    assert list(path.parent.iterdir()) == [path]


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:7]))
    path = tmp_path / "entry.o"
    write_sealed(str(path), SEAL, DATA)
    assert read(path) == DATA


def test_an_interruption_leaves_nothing(path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_sealed(str(path), SEAL, b"new")
    assert list(path.parent.iterdir()) == [path]
