"""``gallery outliers``: a planted wrong photo is ranked first."""

from __future__ import annotations

import pytest


@pytest.fixture
def planted(cli, gallery, faces):
    """Bo's folder has a photo of Di; Eve has one photo."""
    faces.save(cli.folder / "known" / "Bo" / "wrong.png", "Di")
    faces.save(cli.folder / "known" / "Eve" / "0.png", "Eve")
    assert gallery("add", "known", "--aligned").code == 0
    return gallery


def test_the_wrong_photo_is_first(planted):
    document = planted("outliers", "--json").document
    first = document["outliers"][0]
    assert (first["person"], first["photo"]) == ("Bo", "Bo/wrong.png")
    assert first["similarity"] < 0.5 < document["outliers"][1]["similarity"]
    assert document["single"] == ["Eve"]
    assert len(document["outliers"]) == 22 - 5
    table = planted("outliers", "--limit", "1")
    assert "Bo/wrong.png" in table.out
    assert "1 shown; of 1 persons with a single photo nothing can be said" in table.err


def test_whose_it_is(planted):
    (found,) = planted("outliers", "--mislabelled", "--json").document["outliers"]
    assert (found["photo"], found["person"], found["nearer"]) == ("Bo/wrong.png", "Bo", "Di")
    assert found["other"] > found["similarity"]


def test_worst_pairs(planted):
    pairs = planted("outliers", "--worst-pairs", "--json").document["outliers"]
    assert [pair["person"] for pair in pairs].index("Bo") == 0
    assert pairs[0]["second"] == "Bo/wrong.png"
    assert len(pairs) == 4
    low = planted("outliers", "--worst-pairs", "--threshold", "0.5", "--json").document
    assert len(low["outliers"]) == 1


def test_a_copy_without_them(cli, planted):
    for arguments in (("--threshold", "0.5"), ("--mislabelled",)):
        clean = f"clean{len(arguments)}"
        result = planted("outliers", *arguments, "--copy-to", clean)
        assert result.code == 0
        assert "21 of 22 rows copied" in result.err
        first = cli("gallery", "outliers", clean, "--json").document["outliers"][0]
        assert first["similarity"] > 0.5
    for arguments in ((), ("--worst-pairs",)):
        assert planted("outliers", *arguments, "--copy-to", "other").code == 2
