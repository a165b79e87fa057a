"""``gallery remove``: whoever is named is gone, and nothing else."""

from __future__ import annotations


def test_a_person_and_a_photo_are_removed(cli, gallery):
    before = cli("gallery", "info", "g", "--json").document
    result = gallery("remove", "--person", "Ann", "--photo", "Bo/0.png", "--json")
    assert result.code == 0, result.err
    after = cli("gallery", "info", "g", "--json").document
    removed = result.document["removed"]
    assert removed > 1
    assert result.document["rows"] == after["features"] == before["features"] - removed
    assert after["model"] == before["model"]
    files = b"".join(path.read_bytes() for path in (cli.folder / "g").iterdir() if path.is_file())
    assert b"Ann/" not in files
    assert b"Bo/0.png" not in files
    assert b"Bo/1.png" in files
    assert not list(cli.folder.glob(".g.*"))


def test_nothing_is_removed_where_one_is_not_there(cli, gallery):
    before = cli("gallery", "info", "g", "--json").document
    for words in (("--person", "Ann", "Nobody"), ("--photo", "Bo/0.png", "none.png")):
        result = gallery("remove", *words)
        assert result.code == 2
        assert f"found no {words[0][2:]} '{words[2]}'" in result.err
    assert gallery("remove").code == 2
    assert cli("gallery", "info", "g", "--json").document == before


def test_rows_are_counted(cli, gallery):
    total = cli("gallery", "info", "g", "--json").document["features"]
    assert f"1 rows removed, {total - 1} left" in gallery("remove", "--photo", "Bo/0.png").err
    gone = gallery("remove", "--photo", "Bo/0.png")
    assert gone.code == 2
