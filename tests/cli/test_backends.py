"""``backends``: what is there, what is missing, and where the choice comes from."""

from __future__ import annotations

import numpy as np


def test_json(cli):
    document = cli("backends", "--json").document
    found = {item["name"]: item for item in document["backends"]}
    assert {"numpy", "jax", "cupy"} <= set(found)
    assert found["numpy"]["ready"]
    assert found["numpy"]["version"] == np.__version__
    for item in found.values():
        assert item["ready"] or item["reason"]
    assert document["chosen"]["backend"] in found
    assert document["chosen"]["source"] == "auto"


def test_table(cli):
    result = cli("backends")
    assert result.code == 0
    assert "numpy" in result.out
    assert "ready" in result.out
    assert "chosen: " in result.out
    assert "by: auto" in result.out


def test_every_source_of_a_choice_is_named(cli):
    def chosen(*args, **env):
        found = cli("backends", "--json", *args, **env).document["chosen"]
        assert found["backend"] == "numpy"
        return found["source"]

    assert chosen("--backend", "numpy") == "argument"
    assert chosen(ZQCNN_XP_BACKEND="numpy") == "ZQCNN_XP_BACKEND"
    (cli.folder / "zqcnn-xp.toml").write_text('backend = "numpy"\n')
    assert chosen().endswith("zqcnn-xp.toml")


def test_what_cannot_run_is_an_error_beside_the_list(cli):
    result = cli("backends", "--backend", "numpy", "--device", "gpu:0", "--json")
    assert result.code == 1
    assert result.document["chosen"] is None
    assert "gpu:0" in result.document["error"]
    assert result.err.startswith("error: ")
    assert result.document["backends"]
