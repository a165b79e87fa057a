"""The object cache: kept, found by other processes, bounded, switched off, never in the way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zqcnn_xp.errors import ConfigError
from zqcnn_xp_llvm.cache import ObjectCache

DATA = b"\x7fELF" + bytes(range(256)) * 80  # 20 KB

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@pytest.fixture
def cache(tmp_path):
    return ObjectCache(tmp_path / "llvm")


def files(cache):
    return sorted(path.name for path in cache.folder.iterdir())


def age(cache, key, seconds, kind=".o"):
    """Make an entry look as if it was last used so many seconds ago."""
    path = cache._place(key, kind)[1]
    then = time.time() - seconds
    os.utime(path, (then, then))
    return Path(path)


def test_objects_are_found_by_their_key_alone(cache):
    assert cache.get("a") is None
    assert not cache.folder.exists()  # nothing is made to look
    cache.put("a", DATA)
    cache.put("b", b"")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (DATA, b"", None)
    cache.put("a", b"new")
    assert cache.get("a") == b"new"
    assert ObjectCache(cache.folder).get("a") == b"new"


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "x" * 10_000, "\udcff", "a/b\\c:\n"])
def test_any_string_is_a_key(cache, key):
    cache.put(key, DATA)
    assert cache.get(key) == DATA
    assert len(files(cache)) == 1


def test_notes_are_apart_from_objects(cache):
    assert cache.get_note("a") is None
    note = {"kernel": "winograd", "times": [0.5, 1.25], "µ": None}
    cache.put_note("a", note)
    assert cache.get_note("a") == note
    assert cache.get("a") is None
    with pytest.raises(ValueError):
        cache.put_note("a", {"time": float("nan")})
    with pytest.raises(TypeError):
        cache.put_note("a", {"array": object()})
    assert cache.get_note("a") == note


def test_an_entry_under_another_name_is_no_entry(cache):
    cache.put("a", DATA)
    cache.put_note("n", {"a": 1})
    Path(cache._place("a", ".o")[1]).rename(cache._place("b", ".o")[1])
    assert cache.get("b") is None
    Path(cache._place("n", ".note")[1]).rename(cache._place("n", ".o")[1])
    assert cache.get("n") is None
    assert files(cache) == []


def test_a_damaged_entry_is_written_anew(cache):
    cache.put("a", DATA)
    path = Path(cache._place("a", ".o")[1])
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.get("a") is None
    cache.put("a", DATA)
    assert cache.get("a") == DATA


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced on Windows")
def test_many_processes_write_and_read_the_same_keys(tmp_path):
    script = """
import sys
from pathlib import Path
from zqcnn_xp_llvm.cache import ObjectCache

cache = ObjectCache(Path(sys.argv[1]), limit=200_000)
for turn in range(30):
    for number in range(8):
        found = cache.get(f"key {number}")
        # Whoever wrote it: whole, and of this key.
        assert found is None or set(found) == {number} and len(found) == 10_000, number
        cache.put(f"key {number}", bytes([number]) * 10_000)
    cache.put(f"own {sys.argv[2]} {turn}", bytes(10_000))  # so that there is pruning too
"""
    folder = tmp_path / "llvm"
    command = [sys.executable, "-W", "error", "-c", script, str(folder)]
    running = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    for process in running:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    cache = ObjectCache(folder, limit=200_000)
    assert all(name.endswith(".o") for name in files(cache))
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size <= 200_000 + 4 * (200_000 // 16 + 10_100)
    cache.put("last", b"")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 200_000


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = ObjectCache(tmp_path, limit=10_000)
    for number in range(9):
        cache.put(f"{number}", bytes(1000))
        age(cache, f"{number}", 100_000 - number * 5000)
    assert cache.get("0") is not None  # the oldest, and used now
    cache.put("9", bytes(1000))
    left = [number for number in range(10) if cache.get(f"{number}") is not None]
    assert left == [0, 3, 4, 5, 6, 7, 8, 9]  # to seven eighths of the limit


def test_the_limit_counts_what_others_have_written(tmp_path):
    one, other = (ObjectCache(tmp_path, limit=100_000) for _ in range(2))
    for number in range(90):
        (one if number % 2 else other).put(f"{number}", bytes(2000))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size <= 100_000 + 2 * (100_000 // 16 + 2100)


def test_pruning_leaves_other_files_alone(tmp_path):
    (tmp_path / "README").write_bytes(bytes(5000))
    (tmp_path / "old.o.part").write_bytes(bytes(5000))
    (tmp_path / "new.o.part").write_bytes(b"")
    os.utime(tmp_path / "old.o.part", (0, 0))
    cache = ObjectCache(tmp_path, limit=4000)
    for number in range(9):
        cache.put(f"{number}", bytes(1000))
    names = files(cache)
    assert "README" in names
    assert "new.o.part" in names
    assert "old.o.part" not in names  # left by a process that died
    assert 1 <= sum(name.endswith(".o") for name in names) <= 3


def test_a_time_to_come_keeps_no_file(tmp_path):
    cache = ObjectCache(tmp_path, limit=4000)
    cache.put("future", bytes(1000))
    age(cache, "future", -1e8)
    for number in range(3):
        cache.put(f"{number}", bytes(1000))
    assert cache.get("future") is None
    assert cache.get("2") is not None


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path):
    cache = ObjectCache(tmp_path, limit=4000)
    cache.put("small", b"1")
    cache.put("large", bytes(4001))
    assert (cache.get("small"), cache.get("large")) == (b"1", None)


def test_few_puts_look_into_the_folder(cache, monkeypatch):
    looks = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or real(path))
    for number in range(50):
        cache.put(f"{number}", DATA)
    assert len(looks) == 1


def test_the_use_is_written_once_an_hour(cache):
    cache.put("a", DATA)
    began = time.time() - 2  # some file systems round
    for seconds, touched in [(1800, False), (4000, True), (-4000, True)]:
        path = age(cache, "a", seconds)
        before = path.stat().st_mtime
        assert cache.get("a") == DATA
        assert (path.stat().st_mtime != before) is touched
        assert not touched or began <= path.stat().st_mtime <= time.time() + 2


def test_a_full_disk(cache, monkeypatch):
    cache.put("a", DATA)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    cache.put("a", b"new")
    cache.put("b", DATA)
    assert (cache.get("a"), cache.get("b")) == (DATA, None)
    assert len(files(cache)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the limit of a process's files is POSIX's")
def test_a_file_that_may_not_grow(tmp_path):
    script = """
import resource, signal, sys
from pathlib import Path
from zqcnn_xp_llvm.cache import ObjectCache

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # the system refuses what is beyond
cache = ObjectCache(Path(sys.argv[1]))
cache.put("a", bytes(20_000))
cache.put("b", bytes(2000))
assert cache.get("a") is None and cache.get("b") == bytes(2000)
"""
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "llvm")]
    subprocess.run(command, check=True, timeout=240)
    assert len(list((tmp_path / "llvm").iterdir())) == 1


@posix
@pytest.mark.parametrize("step", ["open", "replace", "mkdir"])
def test_a_read_only_folder(cache, monkeypatch, step):
    cache.put("a", DATA)
    age(cache, "a", 1e6)
    place = cache if step != "mkdir" else ObjectCache(cache.folder / "deeper")
    real = getattr(os, step)

    def refuse(path, *rest, **named):
        if step == "open" and not (rest and rest[0] & os.O_CREAT):
            return real(path, *rest, **named)
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, step, refuse)
    monkeypatch.setattr(os, "utime", lambda path: refuse(path, os.O_CREAT))
    place.put("b", DATA)
    assert place.get("b") is None
    assert cache.get("a") == DATA  # what is there already serves


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "llvm"):
        cache = ObjectCache(folder)
        cache.put("a", DATA)
        assert cache.get("a") is None
        assert cache.reason
        assert cache.reason in repr(cache)


def test_a_folder_that_was_removed_is_made_again(cache):
    cache.put("a", DATA)
    for path in cache.folder.iterdir():
        path.unlink()
    cache.folder.rmdir()
    assert cache.get("a") is None
    cache.put("a", DATA)
    assert cache.get("a") == DATA


@posix
def test_the_folder_is_its_owners_alone(tmp_path):
    cache = ObjectCache(tmp_path / "more" / "llvm")
    assert cache.reason is None
    cache.put("a", DATA)
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_to(cache, mode):
    cache.put("a", DATA)
    cache.folder.chmod(mode)
    assert f"{mode:04o}" in cache.reason
    assert cache.get("a") is None
    cache.put("b", DATA)
    assert len(files(cache)) == 1
    cache.folder.chmod(0o755)
    assert cache.reason is None
    assert (cache.get("a"), cache.get("b")) == (DATA, None)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_folder_and_a_file_of_another_user(cache):
    cache.put("a", DATA)
    os.chown(cache._place("a", ".o")[1], 4242, -1)
    assert cache.get("a") is None
    cache.put("a", DATA)  # ours, in its place
    assert cache.get("a") == DATA
    os.chown(cache.folder, 4242, -1)
    assert "user 4242" in cache.reason
    assert cache.get("a") is None
    cache.put("b", DATA)
    assert len(files(cache)) == 1


def test_the_folder_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path))
    cache = ObjectCache()
    cache.put("a", DATA)
    assert cache.folder == tmp_path / "llvm"
    assert len(files(cache)) == 1


@pytest.mark.parametrize(("text", "on"), [("0", False), ("No", False), ("", True), ("1", True)])
def test_the_switch(monkeypatch, tmp_path, text, on):
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("ZQCNN_XP_OBJECT_CACHE", text)
    cache = ObjectCache()
    cache.put("a", DATA)
    assert cache.get("a") == (DATA if on else None)
    assert (cache.reason is None) is on
    given = ObjectCache(tmp_path / "given")  # an argument wins over the environment
    given.put("a", DATA)
    assert given.get("a") == DATA


def test_a_limit_of_nothing_switches_it_off(tmp_path):
    cache = ObjectCache(tmp_path / "llvm", limit=0)
    cache.put("a", b"")
    assert cache.get("a") is None
    assert not cache.folder.exists()


def test_a_switch_that_means_nothing(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_OBJECT_CACHE", "perhaps")
    with pytest.raises(ConfigError, match="found 'perhaps', expected true or false"):
        ObjectCache()


def test_a_working_directory_that_changes_or_is_gone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cache = ObjectCache(Path("llvm"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    cache.put("a", DATA)
    assert (tmp_path / "llvm").is_dir()
    assert cache.get("a") == DATA
    if sys.platform == "linux":
        (tmp_path / "other").rmdir()
        gone = ObjectCache(Path("llvm"))
        gone.put("a", DATA)
        assert gone.get("a") is None


def test_importing_it_loads_little():
    script = "import sys, zqcnn_xp_llvm.cache; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"llvmlite", "platformdirs", "zqcnn_xp_models"}
