"""End to end on crops of LFW: who is it, who does not belong, what is there twice."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def known(cli, lfw):
    """A gallery of three crops a person, with a wrong one and a copy planted."""
    model = ("--model", lfw / "model-symbol.json", lfw / "model-0000.params")
    cli = cli.process
    assert cli("gallery", "create", "g", *model, "--recipe", "mobilefacenet-mxnet").code == 0
    folder = cli.folder / "known"
    shutil.copytree(lfw / "known", folder)
    people = sorted(path.name for path in folder.iterdir())
    wrong = next((lfw / "probes" / people[7]).iterdir())
    shutil.copy(wrong, folder / people[20] / "wrong.jpg")
    shutil.copy(next((folder / people[3]).iterdir()), folder / people[3] / "copy.jpg")
    result = cli("gallery", "add", "g", "known", "--aligned", "--json")
    assert result.code == 0, result.err
    assert result.document["added"] == 122
    return people


def test_persons_of_lfw(cli, lfw, known):
    cli = cli.process
    document = cli(
        "gallery", "search", "g", lfw / "probes", "-r", "--aligned", "--threshold", "0.4", "--json"
    ).document
    right = unknown = 0
    for image in document["images"]:
        (face,) = image["faces"]
        person = image["path"].split("/")[-2]
        right += face["candidates"][0]["person"] == person
        unknown += face["person"] is None
    assert len(document["images"]) == 40
    assert right >= 39
    assert unknown <= 2
    wrong = cli("gallery", "outliers", "g", "--mislabelled", "--json").document["outliers"][0]
    assert wrong["photo"] == f"{known[20]}/wrong.jpg"
    assert wrong["nearer"] == known[7]
    (copy,) = cli("gallery", "dedupe", "g", "--threshold", "0.99", "--json").document["pairs"]
    assert {copy["first"].split("/")[0], copy["second"].split("/")[0]} == {known[3]}
    assert "copy.jpg" in copy["first"] + copy["second"]
