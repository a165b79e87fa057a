"""``zqcnn-xp verify``: the answer, what it rests on, and what cannot be answered."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli import verify
from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.formats.safetensors import to_safetensors
from zqcnn_xp.pipelines.embedding.verification import DEFAULT_EMBEDDER
from zqcnn_xp_models import sphereface

FEED = ("--color", "bgr", "--mean", "127.5", "--scale", "0.0078125", "--backend", "numpy")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.safetensors"
    to_safetensors(sphereface.build(), path)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        Image.fromarray(rng.integers(0, 256, (112, 96, 3), np.uint8)).save(tmp_path / f"{name}.png")
    return path


def test_a_threshold_of_ones_own(cli, model):
    words = ("--aligned", "--model", model, *FEED)
    result = cli("verify", "a.png", "a.png", *words, "--threshold", "0.9", "--json")
    assert result.code == 0, result.err
    found = result.document
    assert found["similarity"] == pytest.approx(1, abs=1e-6)
    assert (found["same"], found["threshold"], found["far"]) == (True, 0.9, None)
    assert found["images"] == ["a.png", "a.png"]
    table = cli("verify", "a.png", "b.png", *words, "--threshold", "0.9999")
    assert "different people" in table.out


def test_no_threshold_no_decision(cli, model):
    result = cli("verify", "a.png", "b.png", "--aligned", "--model", model, *FEED)
    assert result.code == 0
    assert "not decided" in result.out
    assert "give --threshold to decide" in result.err
    refused = cli("verify", "a.png", "b.png", "--aligned", "--model", model, "--far", "2", *FEED)
    assert refused.code == 2


def test_photos(cli, model, tmp_path):
    photos = find_photos()
    if not photos:
        pytest.skip("no package that carries a photo is installed")
    words = ("--model", model, *FEED, "--min-face", "60", "--threshold", "0.5")
    result = cli("verify", photos[-1].path, photos[-1].path, *words, "--json")
    assert result.code == 0, result.err
    found = result.document
    assert (found["same"], found["faces"]) == (True, [1, 1])
    assert found["boxes"][0] == found["boxes"][1]
    without = cli("verify", photos[-1].path, "a.png", *words)
    assert without.code == 2
    assert "a.png: found no face, expected one (--aligned takes crops)" in without.err


def test_crops_of_another_size(cli, model, tmp_path):
    with Image.open(tmp_path / "a.png") as image:
        image.resize((192, 224)).save(tmp_path / "large.png")
    words = ("verify", "a.png", "large.png", "--aligned", "--model", model, *FEED)
    refused = cli(*words)
    assert refused.code == 1
    assert "give --resize where they are aligned already" in refused.err
    result = cli(*words, "--resize", "--json")
    assert result.code == 0, result.err
    assert result.document["similarity"] > 0.5


def test_lfw_with_the_cards_threshold(cli, shared_data, tmp_path):
    folder = shared_data / "mxnet" / "mobilefacenet"
    images = [shared_data / "images" / f"{name}.jpg" for name in ("00_", "01_", "AE_")]
    words = ("--aligned", "--backend", "numpy", "--model", "mobilefacenet-mxnet", "--json")
    env = {"ZQCNN_XP_MIRROR": str(folder), "ZQCNN_XP_ACCEPT_LICENCE": "mobilefacenet-mxnet"}
    env["ZQCNN_XP_CACHE_DIR"] = str(tmp_path / "cache")
    same = cli("verify", images[0], images[1], *words, **env)
    other = cli("verify", images[0], images[2], *words, "--far", "0.01", **env)
    assert same.code == other.code == 0, same.err + other.err
    assert (same.document["same"], other.document["same"]) == (True, False)
    assert (same.document["threshold"], same.document["far"]) == (0.318, 0.001)
    assert (other.document["threshold"], other.document["far"]) == (0.249, 0.01)
    assert "LFW" in same.document["dataset"]
    unknown = cli("verify", images[0], images[2], *words, "--far", "0.5", **env)
    assert unknown.code == 2
    assert "known: 0.01, 0.001, 0" in unknown.err


def test_the_words_are_those_of_the_library():
    assert verify.DEFAULT == DEFAULT_EMBEDDER
