"""Optional packages: imported, or named with the command that brings them."""

from __future__ import annotations

import sys

import pytest

from zqcnn_xp.errors import PackageMissing
from zqcnn_xp.extras import needed


def test_a_module_that_is_here_is_returned():
    assert needed("json.decoder", extra="eval", purpose="x") is sys.modules["json.decoder"]


def test_a_missing_package_names_the_command():
    with pytest.raises(PackageMissing, match=r"plots needs absent_pkg.*zqcnn-xp\[plot\]"):
        needed("absent_pkg.part", extra="plot", purpose="plots")


def test_a_package_that_lacks_something_itself_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import absent_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="absent_dependency") as caught:
        needed("half_installed", extra="eval", purpose="x")
    assert not isinstance(caught.value, PackageMissing)
