"""``bench``: one table or one document, whatever is installed, and wrong use is named."""

from __future__ import annotations

import os

import pytest

ROUGH = ("--rounds", "2", "--quick")


def test_a_document_with_every_side_and_pair(cli, net):
    pytest.importorskip("onnxruntime")
    result = cli(
        "bench", "net.zqparams", "net.nchwbin", "--backend", "numpy", "--shape", "2,3,8,8",
        "--against", "onnxruntime,opencv", "--json", *ROUGH,
    )  # fmt: skip
    assert result.code == 0, result.err
    found = result.document
    assert found["shapes"] == {"data": [2, 3, 8, 8]}
    assert (found["threads"], found["rounds"], found["clock"]) == (1, 2, "wall")
    assert [(s["name"], s["ours"], s["state"]) for s in found["sides"]] == [
        ("numpy", True, "timed"), ("onnxruntime", False, "timed"), ("opencv", False, "timed"),
    ]  # fmt: skip
    for side in found["sides"]:
        assert 0 < side["times"]["low"] <= side["times"]["median"] <= side["times"]["high"]
        assert side["difference"] < 1e-4
    assert {(r["backend"], r["peer"]) for r in found["ratios"]} == {
        ("numpy", "onnxruntime"), ("numpy", "opencv"),
    }  # fmt: skip
    assert found["best_peer"] in ("onnxruntime", "opencv")
    assert found["machine"]["packages"]["numpy"]


def test_a_table_for_people_and_several_backends(cli, net):
    pytest.importorskip("jax")
    result = cli("bench", "net.zqparams", "--backend", "numpy,jax", "--against", "opencv", *ROUGH)
    assert result.code == 0, result.err
    assert "numpy / it" in result.out
    assert "jax / it" in result.out
    assert "of the time of opencv" in result.out


def test_sizes_come_from_the_file_and_the_backend_from_the_settings(cli, net):
    result = cli(
        "bench", "net.zqparams", "--against", "none", "--clock", "cpu", "--json", *ROUGH,
        ZQCNN_XP_BACKEND="numpy",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert result.document["shapes"] == {"data": [1, 3, 8, 8]}
    assert [side["name"] for side in result.document["sides"]] == ["numpy"]
    assert result.document["ratios"] == []
    assert result.document["best_peer"] is None


def test_a_missing_peer_is_named_with_its_pip_command(cli, net):
    # A module that shadows it and cannot be imported is as good as none.
    code = "import sys\nsys.modules['ncnn'] = None\n"
    (cli.folder / "sitecustomize.py").write_text(code)
    result = cli(
        "bench", "net.zqparams", "--backend", "numpy", "--against", "ncnn", *ROUGH,
        PYTHONPATH=str(cli.folder),
    )  # fmt: skip
    assert result.code == 0, result.err
    assert "ncnn: missing: not installed: pip install ncnn" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "torch"), "found peer 'torch', expected some of openvino"),
        (("--backend", "numpy,nothing"), "found backend 'nothing', expected some of"),
        (("--backend", "numpy,jax", "--device", "cpu"), "--device with 2 backends"),
        (("--clock", "cpu", "--threads", "2"), "--clock cpu with 2 threads"),
        (("--shape", "1,2,8,8"), "data"),
    ],
)
def test_wrong_use_is_named(cli, net, arguments, words):
    result = cli("bench", "net.zqparams", "--against", "none", *arguments, *ROUGH)
    assert result.code != 0
    assert words in result.err


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process")
def test_more_threads_than_processors_are_refused(cli, net):
    count = len(os.sched_getaffinity(0)) + 1
    result = cli("bench", "net.zqparams", "--backend", "numpy", "--threads", count, *ROUGH)
    assert result.code == 2
    assert f"found {count} threads, expected at most {count - 1}" in result.err


def test_a_network_of_open_size_asks_for_one(cli):
    (cli.folder / "open.zqparams").write_text(
        "Input name=data C=1\nReLU name=r bottom=data top=y\n"
    )
    (cli.folder / "open.nchwbin").write_bytes(b"")
    result = cli("bench", "open.zqparams", "--backend", "numpy", "--against", "none", *ROUGH)
    assert result.code == 2
    assert "names no sizes for input 'data', expected --shape" in result.err
