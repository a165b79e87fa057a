"""The cache: where it is, what the environment says, and what counts as present."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zqcnn_xp.errors import ConfigError
from zqcnn_xp_models.cache import Cache, read_checked


def test_the_folder_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path))
    assert Cache.configured().root == tmp_path / "models"
    assert Cache.configured(root="here").root == Path("here")


def test_the_folder_of_the_user(monkeypatch):
    from platformdirs import user_cache_dir

    monkeypatch.delenv("ZQCNN_XP_CACHE_DIR")
    assert Cache.configured().root == Path(user_cache_dir("zqcnn-xp", appauthor=False)) / "models"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("", False)]
)
def test_offline(monkeypatch, text, value):
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", text)
    assert Cache.configured().offline is value
    assert Cache.configured(offline=not value).offline is not value


def test_a_word_that_means_nothing(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", "perhaps")
    with pytest.raises(ConfigError, match="found 'perhaps', expected true or false"):
        Cache.configured()


@pytest.mark.parametrize(
    ("text", "value"), [("1", {"*"}), ("no", set()), ("a, b", {"a", "b"}), ("", set())]
)
def test_accepted_licences(monkeypatch, text, value):
    monkeypatch.setenv("ZQCNN_XP_ACCEPT_LICENCE", text)
    assert Cache.configured().accepted == value


def test_the_mirror(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_MIRROR", "/srv/models")
    assert Cache.configured().mirror == "/srv/models"
    assert Cache.configured(mirror="/other").mirror == "/other"


def test_another_content_has_another_folder(cache, data, make_card):
    one, two = make_card(data), make_card(data + b"x")
    assert cache.folder(one) != cache.folder(two)
    assert cache.folder(one) == cache.folder(make_card(data, "http://elsewhere.example/m"))


def test_only_the_right_bytes_are_read(tmp_path, data, make_card):
    file = make_card(data).files[0]
    path = tmp_path / "x"
    assert read_checked(path, file) is None
    for wrong in (b"", data[:-1], data + b"x", data[:-1] + b"x"):
        path.write_bytes(wrong)
        assert read_checked(path, file) is None
    path.write_bytes(data)
    assert read_checked(path, file) == data
    assert read_checked(tmp_path, file) is None


def test_a_right_copy_goes_before_a_changed_one(tmp_path, cache, data, make_card, monkeypatch):
    (tmp_path / "carrier").mkdir()
    (tmp_path / "carrier" / "__init__.py").touch()
    (tmp_path / "carrier" / "made.up").write_bytes(b"changed")
    monkeypatch.syspath_prepend(tmp_path)
    card = replace(make_card(data), pip="carrier==1", module="carrier")
    file = card.files[0]
    assert cache.state(card, file) == "changed"
    assert cache.read(card, file) is None
    cache.path(card, file).parent.mkdir(parents=True)
    cache.path(card, file).write_bytes(data)
    assert cache.locate(card, file) == cache.path(card, file)
    assert cache.state(card, file) == "present"
    assert cache.read(card, file) == data
