"""``gallery cluster``: photos are sorted by person again."""

from __future__ import annotations

import shutil

import pytest


@pytest.mark.parametrize(
    "method", [(), ("--method", "density"), ("--method", "masters", "--shuffle", "3")], ids=str
)
def test_a_gallery(gallery, method):
    document = gallery("cluster", "--threshold", "0.7", "--json", *method).document
    assert document["threshold"] == 0.7
    assert len(document["clusters"]) == 4
    for cluster in document["clusters"]:
        people = {name.split("/")[0] for name in cluster["photos"]}
        assert len(people) == 1
        assert len(cluster["photos"]) == 5
        assert cluster["representative"] in cluster["photos"]


def test_a_folder_without_names(cli, gallery, model):
    mixed = cli.folder / "mixed"
    mixed.mkdir()
    for path in (cli.folder / "known").glob("*/*.png"):
        shutil.copy(path, mixed / f"{path.name[0]}-{path.parent.name}.png")
    (mixed / "broken.png").write_text("words")
    command = ("gallery", "cluster", "mixed", "--aligned", "--threshold", "0.7", "--out", "sorted")
    result = cli(*command, *model, "--json")
    assert result.code == 1
    assert "broken.png" in result.document["errors"][0]
    folders = sorted((cli.folder / "sorted").iterdir())
    assert [folder.name for folder in folders] == ["0001", "0002", "0003", "0004"]
    for folder in folders:
        people = {path.stem.split("-")[1] for path in folder.iterdir()}
        assert len(people) == 1
        assert len(list(folder.iterdir())) == 5
    again = cli(*command, *model)
    assert again.code == 2
    assert "expected a new or an empty folder" in again.err


def test_photos_of_a_gallery_are_copied(cli, gallery):
    assert gallery("cluster", "--threshold", "0.7", "--out", "s").code == 2
    table = gallery("cluster", "--threshold", "0.7", "--out", "s", "--photos", "known")
    assert table.code == 0
    assert len(list((cli.folder / "s").glob("*/*.png"))) == 20
    assert "20 faces, 4 clusters, 0 of a single face" in table.err


def test_wrong_usage(cli, gallery):
    assert "needs --model" in cli("gallery", "cluster", "known", "--threshold", "0.5").err
    assert "expected --threshold" in gallery("cluster").err
