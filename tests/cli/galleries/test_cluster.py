"""``gallery cluster``: photos are sorted by person again."""

from __future__ import annotations

import shutil

import numpy as np
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


def imported(cli, *names):
    """Make a gallery whose photos have these names and are all one person."""
    np.save(cli.folder / "f.npy", np.ones((len(names), 4), np.float32) / 2)
    (cli.folder / "names.txt").write_bytes("\n".join(names).encode() + b"\n")
    assert cli("gallery", "create", "other", "--dim", "4").code == 0
    assert cli("gallery", "import", "other", "f.npy", "--names", "names.txt").code == 0
    command = ("gallery", "cluster", "other", "--threshold", "0.9", "--out", "s", "--photos", ".")
    return lambda: cli(*command, "--json")


def test_names_that_are_one_without_folders_stay_apart(cli):
    names = ("a/b.jpg", "a_b.jpg", "A/b.jpg")
    for name in names:
        path = cli.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    assert imported(cli, *names)().code == 0
    copies = sorted((cli.folder / "s" / "0001").iterdir())
    assert sorted(copy.read_text() for copy in copies) == sorted(names)
    assert len({copy.name.lower() for copy in copies}) == 3


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a\0b.jpg", "."])
def test_names_that_lead_elsewhere_are_refused_before_anything_is_written(cli, name):
    (cli.folder / "good.jpg").write_text("good")
    result = imported(cli, "good.jpg", name)()
    assert result.code == 2
    assert "expected a path below" in result.document["error"]
    assert not (cli.folder / "s").exists()


def test_a_file_in_the_way_is_said_before_the_work(cli, gallery):
    (cli.folder / "s").write_text("")
    result = gallery("cluster", "--out", "s", "--photos", "known")
    assert result.code == 2
    assert "expected a new or an empty folder" in result.err
