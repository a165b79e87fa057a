"""``gallery create``: an empty gallery that knows its network."""

from __future__ import annotations

import json


def test_with_a_network(cli, model):
    result = cli.process("gallery", "create", "g", *model, "--dtype", "int8", "--json")
    assert result.code == 0, result.err
    assert result.document == {
        "gallery": "g",
        "model": str(cli.folder / "net.zqparams"),
        "dim": 32,
        "dtype": "int8",
    }
    origin = json.loads((cli.folder / "g" / "origin.json").read_text())
    assert origin["weights"] == str(cli.folder / "net.nchwbin")
    assert origin["recipe"]["color"] == "rgb"
    assert len(origin["sha256"]) == 2


def test_without_a_network(cli):
    assert cli("gallery", "create", "g", "--dim", "7").code == 0
    document = cli("gallery", "info", "g", "--json").document
    assert document["dim"] == 7
    assert document["model"] is None


def test_flip_makes_it_twice_as_long(cli, model):
    document = cli("gallery", "create", "g", *model, "--flip", "concatenate", "--json").document
    assert document["dim"] == 64


def test_wrong_usage(cli, model):
    for arguments in ((), (*model, "--dim", "8")):
        result = cli("gallery", "create", "g", *arguments)
        assert result.code == 2
        assert "expected either --model or --dim" in result.err
    assert cli("gallery", "create", "g", "--dim", "8").code == 0
    again = cli("gallery", "create", "g", "--dim", "8")
    assert again.code == 1
    assert "g" in again.err
    assert cli("gallery", "create", "h", "--model", "a", "b", "c").code == 2
