"""Folders of photos become features: a folder a person, errors by photo."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery import photos as module
from zqcnn_xp.gallery.photos import embed_photos, find_photos
from zqcnn_xp.pipelines.embedding import Recipe
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.registry import get_backend
from zqcnn_xp.vision.templates import get_template


class Mean:
    """An embedder whose feature is the mean colour."""

    dim = 3
    recipe = Recipe()
    backend = get_backend("numpy")

    def embed(self, crops, *, normed):
        assert normed
        rows = crops.mean(axis=(1, 2)).astype(np.float32) + 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Two:
    """A detector that sees a small face in the middle and a large one beside it."""

    def detect(self, image):
        if image.shape[1] < 300:
            return Faces.empty()
        points = get_template("arcface").points
        kps = np.stack([points * 0.5 + (122, 72), points * 1.5 + (0, 0)])
        boxes = [[122, 72, 178, 128], [0, 0, 112, 168]]
        return Faces(boxes, [0.8, 0.9], kps)


def photo(path, height, width, left=(200, 0, 0), middle=(0, 0, 200)):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = left
    pixels[:, 118:] = middle
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_a_folder_a_person(tmp_path):
    for name in ("Bo/2.png", "Bo/1.PNG", "Ann/deep/er/3.jpg", "4.png"):
        photo(tmp_path / name, 8, 8)
    (tmp_path / "Bo" / "notes.txt").write_text("words")
    found = [(photo.name, photo.person) for photo in find_photos(tmp_path)]
    assert found == [
        ("4.png", None),
        ("Ann/deep/er/3.jpg", "Ann"),
        ("Bo/1.PNG", "Bo"),
        ("Bo/2.png", "Bo"),
    ]
    for folder in (tmp_path / "Bo" / "none", tmp_path / "empty"):
        with pytest.raises(DatasetError, match=folder.name):
            find_photos(folder)
        (tmp_path / "empty").mkdir(exist_ok=True)


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (64, 3)])
def test_faces_are_chosen_and_failures_are_outcomes(tmp_path, monkeypatch, batch, threads):
    monkeypatch.setattr(module, "_BATCH", batch)
    photo(tmp_path / "a.png", 200, 300)
    photo(tmp_path / "b.png", 90, 90)
    (tmp_path / "c.png").write_text("words")
    photo(tmp_path / "d.png", 200, 300, (0, 200, 0))
    photos = find_photos(tmp_path)

    def outcomes(choice):
        return list(embed_photos(photos, Mean(), Two(), choice=choice, threads=threads))

    central = outcomes("central")
    assert [len(one.features) for one in central] == [1, 0, 0, 1]
    assert central[0].features[0].argmax() == 2
    assert central[0].meta[0]["faces"] == 2
    assert central[0].meta[0]["bbox"] == [122.0, 72.0, 178.0, 128.0]
    assert central[1].error == f"{tmp_path}/b.png: found no face"
    assert "c.png" in central[2].error
    largest = outcomes("largest")
    assert largest[0].features[0].argmax() == 0
    assert largest[3].features[0].argmax() == 1
    every = outcomes("all")
    assert [len(one.features) for one in every] == [2, 0, 0, 2]
    assert [one["det_score"] for one in every[0].meta] == [0.8, 0.9]
    with pytest.raises(InputError, match="choice"):
        outcomes("smallest")


def test_crops_must_have_their_size(tmp_path):
    photo(tmp_path / "a.png", 112, 112)
    photo(tmp_path / "b.png", 112, 96)
    crop, other = embed_photos(find_photos(tmp_path), Mean())
    assert crop.features.shape == (1, 3)
    assert crop.meta == [None]
    assert "found 112 x 96 pixels, expected a crop of 112 x 112" in other.error
    assert other.features.shape == (0, 3)
    same, brought = embed_photos(find_photos(tmp_path), Mean(), resize=True)
    np.testing.assert_array_equal(same.features, crop.features)
    assert brought.error == ""
    assert brought.features.shape == (1, 3)
