"""Settings: the order of sources, the files, and `using` per thread and per task."""

from __future__ import annotations

import asyncio
import os
import threading

import numpy as np
import pytest

from zqcnn_xp.config import Setting, arguments, resolve, using
from zqcnn_xp.errors import ConfigError, InputError


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """A working directory of its own, and none of our variables."""
    for name in ("BACKEND", "DEVICE", "STRICT", "THREADS"):
        monkeypatch.delenv(f"ZQCNN_XP_{name}", raising=False)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return tmp_path


def test_each_source_beats_the_next(clean, monkeypatch):
    assert resolve("backend", None, "auto") == Setting("auto", "default", 4)
    project = clean / "pyproject.toml"
    project.write_text('[tool.zqcnn_xp]\nbackend = "five"\n')
    assert resolve("backend") == Setting("five", str(project), 3)
    own = clean / "zqcnn-xp.toml"
    own.write_text('backend = "four"\n')
    assert resolve("backend") == Setting("four", str(own), 3)
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "three")
    assert resolve("backend") == Setting("three", "ZQCNN_XP_BACKEND", 2)
    with using(backend="two"):
        assert resolve("backend") == Setting("two", "using()", 1)
        assert resolve("backend", "one") == Setting("one", "argument", 0)
    assert resolve("backend").value == "three"


def test_the_nearest_file_wins_and_is_not_mixed_with_farther_ones(clean):
    (clean / "zqcnn-xp.toml").write_text('backend = "far"\ndevice = "gpu"\n')
    (clean / "a" / "pyproject.toml").write_text('[tool.zqcnn_xp]\nbackend = "near"\n')
    assert resolve("backend").value == "near"
    assert resolve("device").value is None


def test_a_pyproject_without_our_table_is_passed_over(clean):
    (clean / "a" / "pyproject.toml").write_text('[tool.other]\nbackend = "x"\n')
    (clean / "a" / "b" / "pyproject.toml").write_text("tool = 3\n")
    (clean / "pyproject.toml").write_text('[tool.zqcnn_xp]\nbackend = "y"\n')
    assert resolve("backend").value == "y"


def test_an_empty_table_ends_the_search(clean):
    (clean / "a" / "zqcnn-xp.toml").write_text("")
    (clean / "zqcnn-xp.toml").write_text('backend = "far"\n')
    assert resolve("backend", None, "auto").source == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backend = 3", "found backend = 3, expected a string"),
        (
            'bakend = "numpy"',
            "found settings bakend, expected backend, device, strict, threads, autotune",
        ),
        ("backend = ", "cannot be read as TOML"),
        ('strict = "maybe"', "found strict = 'maybe', expected true or false"),
    ],
)
def test_a_wrong_file_is_named(clean, text, words):
    path = clean / "zqcnn-xp.toml"
    path.write_text(text + "\n")
    with pytest.raises(ConfigError, match=words) as raised:
        resolve("strict" if "strict" in text else "backend")
    assert str(path) in str(raised.value)


def test_files_that_are_no_text_are_named(clean):
    (clean / "zqcnn-xp.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        resolve("backend")


def test_a_folder_in_the_file_s_place_is_named(clean):
    (clean / "zqcnn-xp.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        resolve("backend")


def test_the_table_must_be_a_table(clean):
    (clean / "pyproject.toml").write_text("[tool]\nzqcnn_xp = 3\n")
    with pytest.raises(ConfigError, match=r"found tool.zqcnn_xp = 3, expected a table"):
        resolve("backend")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("False", False), ("no", False)],
)
def test_strict_from_the_environment(monkeypatch, text, value):
    monkeypatch.setenv("ZQCNN_XP_STRICT", text)
    assert resolve("strict").value is value


def test_a_wrong_strict_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_STRICT", "perhaps")
    with pytest.raises(ConfigError, match="ZQCNN_XP_STRICT: found strict = 'perhaps'"):
        resolve("strict")


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "")
    assert resolve("backend", None, "auto").source == "default"


def test_a_removed_working_directory_is_no_error(clean, monkeypatch):
    gone = clean / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert resolve("backend", None, "auto").value == "auto"
    # monkeypatch returns to the folder it started from
    os.chdir(clean)


def test_using_nests_and_restores():
    with using(backend="a", device="x", strict=True) as outer:
        assert (outer.backend, outer.device, outer.strict) == ("a", "x", True)
        with using(device="y"):
            assert resolve("backend").value == "a"
            assert resolve("device").value == "y"
        with using(backend="b"):
            assert resolve("backend").value == "b"
            assert resolve("device").value is None  # "x" was a device of "a"
            assert resolve("strict").value is True
        with using(strict=False):
            assert resolve("strict").value is False
        assert resolve("device").value == "x"
    assert resolve("backend").value is None


def test_using_ends_with_an_error_too():
    with pytest.raises(KeyError), using(backend="a"):
        raise KeyError
    assert resolve("backend").value is None


def test_using_does_not_reach_other_threads():
    seen = []
    with using(backend="a"):
        thread = threading.Thread(target=lambda: seen.append(resolve("backend").value))
        thread.start()
        thread.join()
    assert seen == [None]


def test_threads_do_not_disturb_each_other():
    both_inside = threading.Barrier(2, timeout=120)
    seen = {}

    def run(name):
        with using(backend=name):
            both_inside.wait()
            seen[name] = resolve("backend").value
            both_inside.wait()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": "a", "b": "b"}


def test_tasks_do_not_disturb_each_other():
    async def run(name, mine, other):
        with using(backend=name):
            mine.set()
            await other.wait()
            return resolve("backend").value

    async def main():
        one, two = asyncio.Event(), asyncio.Event()
        found = await asyncio.gather(run("a", one, two), run("b", two, one))
        return found, resolve("backend").value

    assert asyncio.run(main()) == (["a", "b"], None)


# Threads ---------------------------------------------------------------------------------------


def test_each_source_of_threads_beats_the_next(clean, monkeypatch):
    assert resolve("threads").value is None
    own = clean / "zqcnn-xp.toml"
    own.write_text("threads = 4\n")
    assert resolve("threads") == Setting(4, str(own), 3)
    monkeypatch.setenv("ZQCNN_XP_THREADS", " 3 ")
    assert resolve("threads") == Setting(3, "ZQCNN_XP_THREADS", 2)
    with using(threads=2):
        assert resolve("threads") == Setting(2, "using()", 1)
        with using(backend="numpy"):  # a number of threads suits any backend
            assert resolve("threads").value == 2
        with arguments(threads=5):
            assert resolve("threads") == Setting(5, "argument", 0)
            with arguments():
                assert resolve("threads").value == 5
            assert resolve("threads", 1) == Setting(1, "argument", 0)
        assert resolve("threads").value == 2
    assert resolve("threads").asked
    assert not resolve("device").asked


@pytest.mark.parametrize("text", ["0", "-1", "1025", "1.5", "two", "²", "1,2", "1" * 5000])
def test_a_wrong_number_of_threads_in_the_environment(clean, monkeypatch, text):
    monkeypatch.setenv("ZQCNN_XP_THREADS", text)
    with pytest.raises(ConfigError, match=r"ZQCNN_XP_THREADS: .* expected an integer of 1 to 1024"):
        resolve("threads")


@pytest.mark.parametrize("text", ["0", "1025", "1.0", "true", "[2]"])
def test_a_wrong_number_of_threads_in_the_file(clean, text):
    (clean / "zqcnn-xp.toml").write_text(f"threads = {text}\n")
    with pytest.raises(ConfigError, match=r"zqcnn-xp.toml: found threads = "):
        resolve("threads")


@pytest.mark.parametrize("value", [0, -1, 1025, True, 1.0, "2"])
def test_a_wrong_number_of_threads_as_an_argument(value):
    with pytest.raises(InputError, match=r"argument: found threads = "):
        resolve("threads", value)
    with pytest.raises(InputError, match=r"using\(\): found threads = "), using(threads=value):
        pass
    with pytest.raises(InputError, match=r"argument: found threads = "), arguments(threads=value):
        pass
    assert resolve("threads", np.int64(2)).value == 2


def test_a_file_that_changes_is_read_anew(clean):
    own = clean / "zqcnn-xp.toml"
    for number in (2, 10, 300):
        own.write_text(f"threads = {number}\n")
        assert resolve("threads").value == number
        assert resolve("threads").value == number


def test_nothing_is_written(clean):
    before = sorted(clean.rglob("*"))
    with using(backend="a"):
        resolve("backend")
    resolve("device")
    assert sorted(clean.rglob("*")) == before
