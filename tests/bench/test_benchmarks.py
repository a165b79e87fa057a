"""The scripts of tests/benchmarks: every row can be made, and a rough run gives its table."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from zqcnn_xp.formats import read_graph

HERE = Path(__file__).parents[1] / "benchmarks"


def load(name):
    spec = spec_from_file_location(f"benchmarks_{name}", HERE / f"{name}.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


networks = load("networks")


@pytest.mark.parametrize("case", networks.CASES, ids=lambda case: case.name)
def test_rows_can_be_read_and_handed_to_peers(shared_data, case):
    network = case.network(shared_data)
    assert list(network.shapes.values()) == [case.shape]
    assert 0 < case.goals[0] <= case.goals[1] <= 1
    again = read_graph(network.onnx)
    assert again.outputs == network.graph.outputs
    param, weights = network.ncnn
    assert param.startswith(b"7767517")
    assert len(weights) > 0
    if case.batched:
        assert next(iter(case.network(shared_data, 2).shapes.values())) == (2, *case.shape[1:])


def test_quick_rows_are_rows():
    assert set(networks.QUICK) < {case.name for case in networks.CASES}


def run(*arguments):
    return subprocess.run(
        [sys.executable, HERE / "run.py", "--quick", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env={k: v for k, v in os.environ.items() if "ZQCNN_XP" not in k},
    )


@pytest.mark.slow
def test_a_quick_table(shared_data, tmp_path):
    pytest.importorskip("onnxruntime")
    done = run(
        "--only", "nets", "--backends", "numpy", "--against", "onnxruntime", "--rounds", "2",
        "--data", str(shared_data), "--out", str(tmp_path / "t.md"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t.md").read_text() == done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(networks.QUICK)
    columns = lines[0].count("|")
    assert all(line.count("|") == columns for line in lines)
    assert all("numpy" in line and "<= 1 of onnxruntime" in line for line in lines[2:])


def test_an_unknown_part_is_named():
    done = run("--only", "nets,nothing")
    assert done.returncode != 0
    assert "found part 'nothing', expected some of nets" in done.stderr


def test_a_part_that_fails_leaves_the_others(tmp_path):
    done = run("--only", "nets,gpu", "--backends", "numpy", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "### Networks\n\nFailed: " in done.stdout
    assert "### GPU" in done.stdout
