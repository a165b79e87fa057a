"""``zqcnn-xp embed``: vectors of crops and of photos, in files, tables and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.formats.safetensors import to_safetensors
from zqcnn_xp.pipelines.embedding import Embedder
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
        (("crops", "--model", "lightcnn-9"), "give --model lightcnn-9 FILE"),
        (
            ("crops", "--model", "net.safetensors"),
            "give --color, --mean, --scale (or --recipe CARD)",
        ),
        (("crops", "--model", "yunet"), "'yunet' for face detection"),
        (("crops", "--model", "sface", "--out", "f.txt"), "ends in .npz or .npy"),
        (("crops", "--model", "sface", "--out", "no/f.npz"), "no/f.npz: found no folder no"),
        (("-", "--model", "sface"), "found - for standard input"),
    ],
)
def test_wrong_usage(cli, crops, model, words, message):
    result = cli("embed", *words)
    assert result.code == 2
    assert message in result.err


def test_what_has_no_image_keeps_its_place(cli, model, crops, tmp_path):
    """A folder without images, and patterns without files, came last in JSON and in no table."""
    (tmp_path / "empty").mkdir()
    words = ("embed", "empty", "x*.png", "y*.png", "crops", "--aligned", "--model", model, *FEED)
    result = cli(*words, "--json")
    assert result.code == 1
    images = result.document["images"]
    paths = ["empty", "x*.png", "y*.png", *(f"crops/{k}.png" for k in range(3))]
    assert [image["path"] for image in images] == paths
    assert "found no images in this folder" in images[0]["error"]
    table = cli(*words, "--out", "f.npz")
    rows = [line.split("|")[1:3] for line in table.out.splitlines() if line.startswith("| ")]
    assert [row[0].strip() for row in rows[1:]] == paths
    assert [row[1].strip() for row in rows[1:4]] == ["error"] * 3
    assert "3 faces of 6 images" in table.err
    assert "3 failed" in table.err
    with np.load(tmp_path / "f.npz") as file:
        assert file["files"].tolist() == ["0.png", "1.png", "2.png"]


def test_crops_of_another_size_are_resized_where_asked(cli, model, crops, tmp_path):
    Image.fromarray(crops[0]).resize((192, 224)).save(tmp_path / "large.png")
    words = ("embed", "large.png", "--aligned", "--model", model, *FEED, "--json")
    refused = cli(*words)
    assert refused.code == 1
    assert "--resize" in refused.document["images"][0]["error"]
    result = cli(*words, "--resize")
    assert result.code == 0, result.err
    (face,) = result.document["images"][0]["faces"]
    with Image.open(tmp_path / "large.png") as image:
        want = Embedder(model, backend="numpy", color="bgr", mean=127.5, scale=0.0078125).embed(
            np.asarray(image), resize=True
        )
    np.testing.assert_allclose([face["embedding"]], want, atol=1e-5)


def test_values_of_each_channel_a_template_and_exchanged_sides(cli, tmp_path):
    path = tmp_path / "net.zqparams"
    path.write_text(
        "Input name=data C=3 H=160 W=160\n"
        "Pooling name=pool bottom=data top=pool pool=AVE kernel_size=16 stride=16\n"
        "InnerProduct name=fc1 bottom=pool top=fc1 num_output=8\n"
    )
    weights = np.random.default_rng(1).normal(size=8 * 300).astype("<f4")
    path.with_suffix(".nchwbin").write_bytes(weights.tobytes())
    pixels = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    words = (
        "embed", "a.png", "--aligned", "--model", path, path.with_suffix(".nchwbin"),
        "--color", "rgb", "--mean", "1,2,3", "--scale", "0.5,0.25,1", "--backend", "numpy",
    )  # fmt: skip
    result = cli(*words, "--transposed", "--json")
    assert result.code == 0, result.err
    recipe = result.document["network"]["recipe"]
    assert (recipe["template"], recipe["mean"], recipe["scale"]) == (
        "160",
        [1, 2, 3],
        [0.5, 0.25, 1],
    )
    want = Embedder(
        str(path), backend="numpy", color="rgb", mean=(1, 2, 3), scale=(0.5, 0.25, 1),
        transposed=True,
    ).embed(pixels)  # fmt: skip
    (face,) = result.document["images"][0]["faces"]
    np.testing.assert_allclose([face["embedding"]], want, rtol=1e-4)
    refused = cli(*words, "--template", "dot85")
    assert refused.code != 0
    assert "256" in refused.err
