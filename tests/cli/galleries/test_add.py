"""``gallery add``: what is new is added, what fails is named, nothing is added twice."""

from __future__ import annotations

import shutil

import numpy as np
from PIL import Image

from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.gallery.store import Store


def names(cli, gallery="g"):
    with Store.open(cli.folder / gallery) as store:
        return dict(zip(store.names, store.labels, strict=True))


def test_only_what_is_new(cli, gallery, faces):
    faces.save(cli.folder / "known" / "Eve" / "0.png", "Eve")
    result = gallery("add", "known", "--aligned", "--json")
    assert result.code == 0
    document = result.document
    assert (document["added"], document["skipped"], document["failed"]) == (1, 20, 0)
    assert document["images"] == [{"path": "known/Eve/0.png", "person": "Eve", "name": "Eve/0.png"}]
    found = names(cli)
    assert len(found) == 21
    assert found["Bo/3.png"] == "Bo"
    assert "Eve" in gallery("add", "known", "--aligned", "--force").out
    assert names(cli) == found
    assert not list(cli.folder.glob(".g.*"))


def test_features_have_length_1(cli, gallery):
    with Store.open(cli.folder / "g") as store:
        lengths = np.linalg.norm(store.rows[0 : len(store)], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_force_makes_changed_photos_anew(cli, gallery, faces):
    faces.save(cli.folder / "known" / "Ann" / "0.png", "Eve")
    assert gallery("add", "known", "--aligned").code == 0
    search = ("search", "known/Ann/0.png", "--aligned", "--threshold", "0.99", "--json")
    assert gallery(*search).document["images"][0]["faces"][0]["person"] is None
    assert gallery("add", "known", "--aligned", "--force").code == 0
    face = gallery(*search).document["images"][0]["faces"][0]
    assert face["person"] == "Ann"
    assert face["candidates"][0]["photo"] == "Ann/0.png"


def test_force_keeps_what_it_cannot_make_anew(cli, gallery, faces):
    before = names(cli)
    damaged = cli.folder / "known" / "Ann" / "0.png"
    damaged.write_text("words")
    result = gallery("add", "known", "--aligned", "--force", "--json")
    assert (result.code, result.document["failed"]) == (1, 1)
    assert names(cli) == before
    for path in (cli.folder / "known").rglob("*.png"):
        path.write_text("words")
    with Store.open(cli.folder / "g") as store:
        rows = store.rows[0 : len(store)].tobytes()
    assert gallery("add", "known", "--aligned", "--force").code == 1
    with Store.open(cli.folder / "g") as store:
        assert store.rows[0 : len(store)].tobytes() == rows
    assert names(cli) == before


def test_what_fails_is_named_and_the_rest_is_added(cli, gallery, faces):
    folder = cli.folder / "more"
    faces.save(folder / "Eve" / "a.png", "Eve")
    (folder / "Eve" / "b.png").write_text("words")
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(folder / "Eve" / "c.png")
    result = gallery("add", "more", "--aligned", "--json")
    assert result.code == 1
    assert result.document["added"] == 1
    errors = [image["error"] for image in result.document["images"] if "error" in image]
    assert "b.png" in errors[0]
    assert "found 50 x 60 pixels, expected a crop of 112 x 112" in errors[1]
    for error in errors:
        assert f"error: {error}" in result.err
    table = gallery("add", "more", "--aligned")
    assert table.code == 1
    assert "| Eve    |     0 |      2 |" in table.out
    assert "0 added, 1 there already, 2 failed" in table.err


def test_photos_are_searched_for_faces(cli, model):
    photos = find_photos()
    for photo in photos:
        person = photo.title.split(" (")[0]
        (cli.folder / "photos" / person).mkdir(parents=True)
        shutil.copy(photo.path, cli.folder / "photos" / person)
    (cli.folder / "photos" / "Nobody").mkdir()
    Image.fromarray(np.full((60, 80, 3), 120, np.uint8)).save(
        cli.folder / "photos" / "Nobody" / "wall.png"
    )
    cli("gallery", "create", "g", *model)
    result = cli("gallery", "add", "g", "photos", "--min-face", "60", "--json")
    assert result.code == 1
    document = result.document
    assert document["added"] == len(photos)
    (failed,) = [image for image in document["images"] if "error" in image]
    assert failed["error"] == "photos/Nobody/wall.png: found no face"
    for image in document["images"]:
        if "error" not in image:
            assert image["faces"] >= 1
            assert image["det_score"] > 0.7
    with Store.open(cli.folder / "g") as store:
        assert store.meta[0]["bbox"] == document["images"][0]["bbox"]


def test_one_person_of_a_flat_folder(cli, model, faces):
    faces.save(cli.folder / "flat" / "1.png", "Ann")
    cli("gallery", "create", "g", *model)
    assert cli("gallery", "add", "g", "flat", "--aligned", "--person", "Ann").code == 0
    assert names(cli) == {"1.png": "Ann"}
    faces.save(cli.folder / "flat" / "2.png", "Bo")
    assert "(nobody)" in cli("gallery", "add", "g", "flat", "--aligned").out
    assert names(cli) == {"1.png": "Ann", "2.png": None}


def test_no_photos(cli, gallery):
    (cli.folder / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        result = gallery("add", folder, "--aligned")
        assert result.code == 1
        assert folder in result.err


def test_another_network_is_refused(cli, gallery, faces):
    weights = cli.folder / "other.nchwbin"
    weights.write_bytes((cli.folder / "net.nchwbin").read_bytes()[::-1])
    other = ("--model", "net.zqparams", "other.nchwbin", "--recipe", "mobilefacenet-caffe")
    search = ("search", "known/Bo", "--aligned", "--threshold", "0.5")
    for command in (("add", "known", "--aligned"), search):
        result = gallery(*command, *other)
        assert result.code == 1
        assert "a model that differs" in result.err
        flipped = gallery(*command, "--flip", "sum")
        assert flipped.code == 1
        assert "flip 'none' and 'sum'" in flipped.err
    # a copy of the files is the same network
    shutil.copytree(cli.folder / "known" / "Bo", cli.folder / "moved" / "Bo")
    for file in ("net.zqparams", "net.nchwbin"):
        (cli.folder / file).rename(cli.folder / "moved" / file)
    gone = gallery(*search)
    assert gone.code == 1
    assert "net.zqparams" in gone.err
    same = ("--model", "moved/net.zqparams", "moved/net.nchwbin")
    same = (*same, "--recipe", "mobilefacenet-caffe")
    assert gallery(*search, *same).code == 0


def test_a_gallery_without_a_network_gets_one(cli, model, faces):
    faces.save(cli.folder / "known" / "Ann" / "1.png", "Ann")
    cli("gallery", "create", "g", "--dim", "32")
    result = cli("gallery", "add", "g", "known", "--aligned")
    assert result.code == 2
    assert "expected --model" in result.err
    assert cli("gallery", "add", "g", "known", "--aligned", *model).code == 0
    assert cli("gallery", "info", "g", "--json").document["model"].endswith("net.zqparams")


def test_force_in_the_gallerys_own_folder(cli, gallery, monkeypatch):
    monkeypatch.chdir(cli.folder / "g")
    result = cli("gallery", "add", ".", "../known", "--aligned", "--force", "--json")
    assert result.code == 0, result.err
    monkeypatch.chdir(cli.folder)
    assert cli("gallery", "info", "g", "--json").document["features"] == 20
    assert not list(cli.folder.glob(".g.*"))


def test_a_record_of_the_network_that_was_changed(cli, gallery):
    path = cli.folder / "g" / "origin.json"
    path.write_text(path.read_text().replace('"template"', '"tempo"'))
    result = gallery("add", "known", "--aligned", "--json")
    assert result.code == 1
    assert "origin.json, recipe" in result.document["error"]


def test_a_network_that_does_not_fit_is_not_recorded(cli, model, faces):
    faces.save(cli.folder / "known" / "Ann" / "0.png", "Ann")
    assert cli("gallery", "create", "small", "--dim", "8").code == 0
    result = cli("gallery", "add", "small", "known", "--aligned", *model)
    assert result.code == 2
    assert "found 32 values of a feature" in result.err
    assert not (cli.folder / "small" / "origin.json").exists()
