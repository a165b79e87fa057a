"""``zqcnn-xp embed``: vectors of crops and of photos, in files, tables and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli import embed
from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.formats.safetensors import to_safetensors
from zqcnn_xp.pipelines.choice import Choice
from zqcnn_xp.pipelines.embedding import FLIPS, Embedder
from zqcnn_xp_models import sphereface

FEED = ("--color", "bgr", "--mean", "127.5", "--scale", "0.0078125", "--backend", "numpy")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.safetensors"
    to_safetensors(sphereface.build(), path)
    return path


@pytest.fixture
def crops(tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 112, 96, 3), np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index}.png")
    return pixels


def wanted(model, crops, **changes):
    values = {"color": "bgr", "mean": 127.5, "scale": 0.0078125}
    return Embedder(model, backend="numpy", **values, **changes).embed(crops)


def test_aligned_crops_to_npz(cli, model, crops, tmp_path):
    result = cli("embed", "crops", "--aligned", "--model", model, *FEED, "--out", "f.npz")
    assert result.code == 0, result.err
    assert "3 faces of 3 images to 256 numbers each by" in result.err
    with np.load(tmp_path / "f.npz") as file:
        assert set(file) == {"files", "face", "feat", "network"}
        np.testing.assert_allclose(file["feat"], wanted(model, crops), atol=1e-5)
        assert file["files"].tolist() == ["0.png", "1.png", "2.png"]
        assert file["face"].tolist() == [0, 0, 0]
        network = json.loads(str(file["network"]))
    assert network["recipe"]["color"] == "bgr"
    assert network["dim"] == 256
    assert "crops/0.png" in result.out


def test_flipped_and_normed_to_npy(cli, model, crops, tmp_path):
    result = cli(
        "embed", "crops", "--aligned", "--model", model, *FEED,
        "--out", "f.npy", "--flip", "concatenate", "--normed",
    )  # fmt: skip
    assert result.code == 0, result.err
    found = np.load(tmp_path / "f.npy")
    want = wanted(model, crops, flip="concatenate")
    np.testing.assert_allclose(found, want / np.linalg.norm(want, axis=1, keepdims=True), atol=1e-5)


def test_json_holds_the_vectors_where_no_file_does(cli, model, crops, tmp_path):
    (tmp_path / "crops" / "broken.png").write_bytes(b"no image")
    Image.fromarray(crops[0][:50]).save(tmp_path / "crops" / "small.png")
    result = cli("embed", "crops", "--aligned", "--model", model, *FEED, "--json")
    assert result.code == 1
    images = result.document["images"]
    good = [image["faces"][0]["embedding"] for image in images if "faces" in image]
    np.testing.assert_allclose(np.array(good, np.float32), wanted(model, crops), atol=1e-5)
    errors = " ".join(image["error"] for image in images if "error" in image)
    assert "broken.png" in errors
    assert "expected a crop of 112 x 96" in errors
    assert "2 failed" in result.err


def test_photos_are_aligned_first(cli, model, tmp_path):
    photos = find_photos()
    if not photos:
        pytest.skip("no package that carries a photo is installed")
    Image.new("RGB", (90, 80)).save(tmp_path / "empty.png")
    result = cli(
        "embed", photos[-1].path, "empty.png", "--model", model, *FEED,
        "--min-face", "60", "--out", "f.npz", "--json",
    )  # fmt: skip
    assert result.code == 1
    assert "empty.png: found no face" in result.err
    first, second = result.document["images"]
    assert second["error"]
    (face,) = first["faces"]
    assert "embedding" not in face
    with np.load(tmp_path / "f.npz") as file:
        assert file["feat"].shape == (1, 256)
        np.testing.assert_allclose(file["bbox"], [face["bbox"]], atol=0.01)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("crops",), "expected --model"),
        (("crops", "--model", "a", "b", "c"), "--model: found 3 files"),
        (("crops", "--model", "yunet"), "'yunet' for face detection"),
        (("crops", "--model", "sface", "--out", "f.txt"), "ends in .npz or .npy"),
        (("crops", "--model", "sface", "--out", "no/f.npz"), "no/f.npz: found no folder no"),
        (("-", "--model", "sface"), "found - for standard input"),
    ],
)
def test_wrong_usage(cli, crops, words, message):
    result = cli("embed", *words)
    assert result.code == 2
    assert message in result.err


def test_the_words_are_those_of_the_library():
    from typing import get_args

    assert set(embed.CHOICES) == set(get_args(Choice))
    assert embed.FLIPS == FLIPS
