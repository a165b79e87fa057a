"""The command line as a user types it: a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

NET = """\
Input name=data C=3 H=8 W=8
Convolution name=conv1 bottom=data top=conv1 num_output=4 kernel_size=3 stride=1 bias
PReLU name=prelu1 bottom=conv1 top=conv1
InnerProduct name=fc1 bottom=conv1 top=fc1 num_output=2 bias
Softmax name=prob bottom=fc1 top=prob axis=1
"""
NET_WEIGHTS = 4 * 3 * 9 + 4 + 4 + 4 * 6 * 6 * 2 + 2


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class Runner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *args: Any, stdin: bytes | None = None, **env: str) -> Result:
        clean = {key: value for key, value in os.environ.items() if "ZQCNN_XP" not in key}
        done = subprocess.run(
            [sys.executable, "-m", "zqcnn_xp", *map(str, args)],
            cwd=self.folder,
            env=clean | env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=240,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.err, result.err
        return result


@pytest.fixture
def cli(tmp_path: Path) -> Runner:
    """Run ``zqcnn-xp`` with these arguments; no run may end in a traceback."""
    return Runner(tmp_path)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A small network: ``net.zqparams`` and ``net.nchwbin``."""
    path = tmp_path / "net.zqparams"
    path.write_text(NET)
    weights = np.random.default_rng(0).normal(size=NET_WEIGHTS).astype("<f4")
    (tmp_path / "net.nchwbin").write_bytes(weights.tobytes())
    return path
