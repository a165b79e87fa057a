"""Features of different networks do not meet."""

from __future__ import annotations

import dataclasses
import json

import pytest

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.origin import ORIGIN_FILE, Origin
from zqcnn_xp.pipelines.embedding import Embedder

ONE = Origin("m", "w", ("ab" * 32, "cd" * 32), {"color": "rgb", "size": [112, 112], "mean": 127.5})


def test_it_is_read_as_written(tmp_path):
    assert Origin.read(tmp_path) is None
    ONE.write(tmp_path)
    assert Origin.read(tmp_path) == ONE
    ONE.check(Origin.read(tmp_path), tmp_path)


def test_what_differs_is_named(tmp_path):
    bgr = dataclasses.replace(ONE, recipe=ONE.recipe | {"color": "bgr"})
    with pytest.raises(StoreError, match="color 'rgb' and 'bgr'"):
        ONE.check(bgr, tmp_path)
    with pytest.raises(StoreError, match="compat '' and 'zqcnn'"):
        ONE.check(dataclasses.replace(ONE, compat="zqcnn"), tmp_path)
    other = dataclasses.replace(ONE, model="n", sha256=("ab" * 32,))
    with pytest.raises(StoreError, match=r"m \(abababab, cdcdcdcd\) and of n \(abababab\)"):
        ONE.check(other, tmp_path)
    # names and order of files, and the length of embeddings as returned, say nothing
    renamed = Origin("n", "", ONE.sha256[::-1], ONE.recipe | {"normalise": True})
    assert ONE.differences(renamed) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words",
        b"[]",
        b"{}",
        b'{"version": 2}',
        b"[" * 50_000,
        b" " * 70_000,
        json.dumps({"version": 1, "model": 3, "weights": "", "sha256": [], "recipe": {}}).encode(),
        json.dumps({"version": 1, "model": "", "sha256": [], "recipe": []}).encode(),
        json.dumps({"version": 1, "model": "", "sha256": 7}).encode(),
        json.dumps({"version": 1, "model": "", "sha256": [], "more": 1}).encode(),
        json.dumps({"version": 1, "model": "", "sha256": [1, "a"]}).encode(),
    ],
    ids=range(12),
)
def test_what_is_no_origin(tmp_path, content):
    (tmp_path / ORIGIN_FILE).write_bytes(content)
    with pytest.raises(StoreError, match=ORIGIN_FILE):
        Origin.read(tmp_path)


def test_files_that_a_card_knows_stay_the_user_s(shared_data):
    """They are found again where they are; nothing is fetched by the card's name."""
    model = shared_data / "ncnn" / "mobilefacenet.param"
    embedder = Embedder(model, backend="numpy")
    origin = Origin.of(embedder, str(model))
    assert origin.model == str(model.resolve())
    assert origin.sha256 == tuple(file.sha256 for file in embedder.card.files)
    named = Origin("mobilefacenet-ncnn", "", origin.sha256, origin.recipe)
    assert origin.differences(named) == []
