"""``gallery dedupe``: planted copies and persons with two names are found."""

from __future__ import annotations

import shutil


def test_copies(cli, gallery):
    known = cli.folder / "known"
    shutil.copy(known / "Ann" / "2.png", known / "Ann" / "copy.png")
    shutil.copy(known / "Bo" / "1.png", known / "Cy" / "copy.png")
    gallery("add", "known", "--aligned")
    document = gallery("dedupe", "--threshold", "0.999", "--json").document
    assert not document["more"]
    assert {(p["first"], p["second"]) for p in document["pairs"]} == {
        ("Ann/2.png", "Ann/copy.png"),
        ("Bo/1.png", "Cy/copy.png"),
    }
    assert document["pairs"][0]["score"] > 0.99999
    across = gallery("dedupe", "--threshold", "0.999", "--where", "across", "--json").document
    assert [pair["people"] for pair in across["pairs"]] == [["Bo", "Cy"]]
    table = gallery("dedupe", "--threshold", "0.999", "--limit", "1", "--copy-to", "clean")
    assert table.code == 2
    assert "--limit" in table.err
    table = gallery("dedupe", "--threshold", "0.999", "--copy-to", "clean")
    assert table.code == 0
    assert "Ann/copy.png" in table.out
    assert "20 of 22 rows copied to clean" in table.err
    info = cli("gallery", "info", "clean", "--json").document
    assert info["features"] == 20
    assert info["model"].endswith("net.zqparams")
    assert not cli("gallery", "dedupe", "clean", "--threshold", "0.999", "--json").document["pairs"]


def test_one_person_under_two_names(cli, gallery, faces):
    for number in range(3):
        faces.save(cli.folder / "known" / "Annie" / f"{number}.png", "Ann")
    gallery("add", "known", "--aligned")
    document = gallery("dedupe", "--people", "--threshold", "0.7", "--json").document
    (pair,) = document["pairs"]
    assert (pair["first"], pair["second"]) == ("Ann", "Annie")
    assert pair["score"] > 0.7
    refused = gallery("dedupe", "--people", "--copy-to", "clean")
    assert refused.code == 2
