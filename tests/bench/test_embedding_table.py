"""The benchmark of embedding: a rough run gives its table, and its sides agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.mark.slow
def test_a_quick_table_of_embedding(shared_data):
    for module in ("onnxruntime", "llvmlite"):
        pytest.importorskip(module)
    done = subprocess.run(
        [
            sys.executable, RUN, "--quick", "--only", "embedding", "--data", shared_data,
            "--backends", "llvm", "--against", "onnxruntime",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env={k: v for k, v in os.environ.items() if "ZQCNN_XP" not in k},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("|")]
    names = [row[0].strip() for row in rows[2:]]
    assert names == ["llvm", "onnxruntime", "onnxruntime, from pixels"]
    assert all(float(row[-1]) > 0.999999 for row in rows[2:])
    assert re.search(r"64 crops of 112 x 112", done.stdout)
