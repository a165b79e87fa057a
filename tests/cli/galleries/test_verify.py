"""``gallery verify``: a flipped bit is found."""

from __future__ import annotations


def test_whole_and_damaged(cli, gallery):
    result = gallery("verify", "--json")
    assert result.code == 0
    assert result.document["rows"] == 20
    assert result.document["damages"] == []
    assert "20 rows, 0 damages" in gallery("verify").err
    file = cli.folder / "g" / "rows"
    data = bytearray(file.read_bytes())
    data[100] ^= 4
    file.write_bytes(data)
    result = gallery("verify", "--json")
    assert result.code == 1
    (damage,) = result.document["damages"]
    assert damage["file"].endswith("rows")
    table = gallery("verify")
    assert table.code == 1
    assert damage["found"] in table.out


def test_what_was_cut_off_is_no_damage(cli, gallery):
    with (cli.folder / "g" / "rows").open("ab") as file:
        file.write(b"x" * 77)
    result = gallery("verify", "--json")
    assert result.code == 0
    assert result.document["uncommitted_bytes"] == 77
    assert "77 bytes of an append" in result.err
