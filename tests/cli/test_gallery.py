"""``gallery``: its sub-commands are described."""

from __future__ import annotations

import pytest

from zqcnn_xp.cli import build_parser
from zqcnn_xp.cli.gallery import COMMANDS


def test_help(cli):
    result = cli("gallery", "--help")
    assert result.code == 0
    for name in COMMANDS:
        assert f"\n    {name} " in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name, capsys):
    with pytest.raises(SystemExit) as stop:
        build_parser("gallery").parse_args(["gallery", name, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: zqcnn-xp gallery {name} ")


def test_no_gallery(cli):
    for name in ("info", "dedupe"):
        result = cli("gallery", name, "nowhere", "--json")
        assert result.code == 1
        assert "nowhere" in result.document["error"]
    assert not (cli.folder / "nowhere").exists()
