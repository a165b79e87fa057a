"""``gallery info``: what is in it, and what made it."""

from __future__ import annotations


def test_info(cli, gallery):
    document = gallery("info", "--json").document
    assert document["features"] == 20
    assert document["people"] == 4
    assert document["most"] == 5
    assert document["nobody"] == 0
    assert document["dtype"] == "float32"
    assert document["recipe"]["template"] == "arcface"
    assert document["bytes"] == sum(f.stat().st_size for f in (cli.folder / "g").iterdir())
    text = gallery("info").out
    assert "20 features of 4 persons" in text
    assert document["sha256"][0] in text
    cli("gallery", "create", "h", "--dim", "3")
    assert "nothing is known" in cli("gallery", "info", "h").out
