"""Which images the arguments mean, and that no half file is ever left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zqcnn_xp.cli.files import STDIN, expand, writing


@pytest.fixture
def tree(tmp_path: Path, monkeypatch) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "sub/c.webp", "sub/deep/d.bmp", "none/e.txt"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return Path("tree")


def paths(sources):
    return [source.path for source in sources if not source.error]


def test_a_folder_gives_its_images_by_name(tree):
    assert paths(expand(["tree"])) == ["tree/a.PNG", "tree/b.jpg"]


def test_recursive_goes_down_and_keeps_relative_places(tree):
    found = expand(["tree"], recursive=True)
    assert paths(found) == ["tree/a.PNG", "tree/b.jpg", "tree/sub/c.webp", "tree/sub/deep/d.bmp"]
    assert found[-1].relative == Path("sub/deep/d.bmp")


def test_files_are_taken_whatever_they_are_called_and_whether_they_exist(tree):
    assert paths(expand(["tree/notes.txt", "missing.jpg"])) == ["tree/notes.txt", "missing.jpg"]


def test_patterns(tree):
    assert paths(expand(["tree/*.jpg"])) == ["tree/b.jpg"]
    assert paths(expand(["tree/**/*.webp"])) == ["tree/sub/c.webp"]
    assert paths(expand(["tree/s*"])) == ["tree/sub/c.webp"]
    found = expand(["tree/*.gif"])
    assert "no file that fits" in found[0].error


def test_a_file_with_the_name_of_a_pattern_is_taken_as_it_is(tree):
    (tree / "x[1].png").touch()
    assert paths(expand(["tree/x[1].png"])) == ["tree/x[1].png"]


def test_an_empty_folder_is_an_error_and_the_rest_goes_on(tree):
    found = expand(["tree/none", "tree/b.jpg"])
    assert found[0].error.startswith("tree/none: found no images in this folder")
    assert ".jpg" in found[0].error
    assert "--recursive" in found[0].error
    assert paths(found) == ["tree/b.jpg"]


def test_each_image_comes_once_in_first_order(tree):
    assert paths(expand(["tree/b.jpg", "tree", "-", "tree/b.jpg", "-"])) == [
        "tree/b.jpg",
        "tree/a.PNG",
        STDIN,
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_folder_is_an_error(tree):
    (tree / "none").chmod(0)
    try:
        assert "cannot be read" in expand(["tree/none"])[0].error
    finally:
        (tree / "none").chmod(0o755)


def test_writing_replaces_at_the_end(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with writing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match="bytes-like"), writing(path) as file:
        print("half", file=file)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_not_there_is_named(tmp_path):
    words = r"missing/out\.bin: cannot be written: No such file"
    with pytest.raises(OSError, match=words), writing(tmp_path / "missing" / "out.bin"):
        pass


@pytest.mark.parametrize("name", [".", "there", ".."])
def test_a_folder_is_not_written_over(tmp_path, monkeypatch, name):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="cannot be written: it is a folder"), writing(Path(name)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
