"""The folder of the cache: the environment's, or the platform's."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_cache_dir

from zqcnn_xp.folders import cache_folder


def test_the_folder_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path / "new"))
    assert cache_folder("llvm") == tmp_path / "new" / "llvm"
    assert not list(tmp_path.iterdir())  # only named


@pytest.mark.parametrize("text", [None, ""])
def test_the_folder_of_the_user(monkeypatch, text):
    if text is None:
        monkeypatch.delenv("ZQCNN_XP_CACHE_DIR", raising=False)
    else:
        monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", text)
    assert cache_folder("models") == Path(user_cache_dir("zqcnn-xp", appauthor=False), "models")
