"""``backends``: what is there, what is missing, and where the choice comes from."""

from __future__ import annotations

import numpy as np


def test_json(cli):
    document = cli("backends", "--json").document
    found = {item["name"]: item for item in document["backends"]}
    assert {"numpy", "llvm", "jax", "cupy"} <= set(found)
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


def test_every_source_of_threads_is_named(cli):
    def chosen(*args, **env):
        report = cli("backends", "--json", "--backend", "numpy", *args, **env).document["chosen"]
        return report["threads"], report["threads_source"]

    assert chosen("--threads", "3", ZQCNN_XP_THREADS="2") == (3, "argument")
    assert chosen(ZQCNN_XP_THREADS="2", OMP_NUM_THREADS="1") == (2, "ZQCNN_XP_THREADS")
    assert chosen(OMP_NUM_THREADS="1")[0] == 1
    (cli.folder / "zqcnn-xp.toml").write_text("threads = 5\n")
    assert chosen() == (5, str(cli.folder / "zqcnn-xp.toml"))
    result = cli("backends", "--backend", "numpy", "--threads", "3")
    assert result.out.splitlines()[-1] == "threads: 3 (argument)"


def test_a_number_of_threads_that_means_nothing(cli):
    assert cli("backends", "--threads", "0").code == 2
    result = cli("backends", "--threads", "3000")
    assert (result.code, result.err) == (
        2,
        "error: argument: found threads = 3000, expected an integer of 1 to 1024\n",
    )
    result = cli("backends", ZQCNN_XP_THREADS="many")
    assert (result.code, "ZQCNN_XP_THREADS: found threads = 'many'" in result.err) == (2, True)


def test_what_cannot_run_is_an_error_beside_the_list(cli):
    result = cli("backends", "--backend", "numpy", "--device", "gpu:0", "--json")
    assert result.code == 1
    assert result.document["chosen"] is None
    assert "gpu:0" in result.document["error"]
    assert result.err.startswith("error: ")
    assert result.document["backends"]
