"""Photos for the demo: found by location alone, and readable."""

from __future__ import annotations

import sys

import pytest

from zqcnn_xp.cli import photo
from zqcnn_xp.vision.io import read_image


def test_installed_photos_are_readable():
    found = photo.find_photos()
    if not found:
        pytest.skip("neither matplotlib nor scikit-image is installed")
    for each in found:
        assert min(read_image(each.path).shape[:2]) > 400
        assert each.package in ("matplotlib", "scikit-image")


def test_none_where_no_package_is_installed(monkeypatch):
    monkeypatch.setattr(photo, "find_spec", lambda name: None)
    assert photo.find_photos() == []


def test_packages_are_not_imported(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("matplotlib", "skimage")]:
        monkeypatch.delitem(sys.modules, name)
    photo.find_photos()
    assert not {"matplotlib", "skimage"} & set(sys.modules)
