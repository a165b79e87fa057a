"""Programs on disk: found again by another process, and only where that was asked for.

JAX's cache is one per process, so each case runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")

SCRIPT = """
import os, sys, warnings
import jax, numpy as np
from jax import monitoring
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Dense
from zqcnn_xp_jax import JaxBackend

seen = []
monitoring.register_event_listener(lambda event, **_: seen.append(event))
if "early" in sys.argv:
    jax.jit(lambda x: x + 1)(1.0)  # a compilation before anybody has named a folder
if "theirs" in sys.argv:
    jax.config.update("jax_compilation_cache_dir", sys.argv[1] + "/theirs")
folder = sys.argv[1] + "/ours" if "argument" in sys.argv else None
backend = JaxBackend("cpu", cache_dir=folder)
weights = {"weight": np.eye(4, 3, dtype=np.float32), "bias": np.zeros(3, np.float32)}
graph = Graph((GraphInput("x", (2, 4)),), (Node("n", Dense(3), ("x",), ("y",), weights),), ("y",))
run = backend.compile(graph, {"x": (2, 4)})
y = backend.to_numpy(run({"x": backend.from_numpy(np.ones((2, 4), np.float32))})["y"])
assert y.tolist() == [[1, 1, 1]] * 2
hits = sum(event.endswith("/cache_hits") for event in seen)
print(hits, backend.cache_dir and os.path.relpath(backend.cache_dir, sys.argv[1]))
"""


def run(folder, *words, **environment):
    names = ("ZQCNN_XP_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR")
    clean = {k: v for k, v in os.environ.items() if k not in names}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(folder), *words],
        env={**clean, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hits, place = done.stdout.split()
    return int(hits), place


@pytest.mark.parametrize("early", [[], ["early"]], ids=["first", "after another compilation"])
def test_a_second_process_finds_the_program(tmp_path, early):
    hits, place = run(tmp_path, "argument", *early)
    assert (hits, place) == (0, "ours")
    files = sorted((tmp_path / "ours").iterdir())
    assert files
    assert run(tmp_path, "argument", *early)[0] >= 1
    if os.name == "posix":
        assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o700


def test_the_environment_names_a_folder_for_all_caches(tmp_path):
    assert run(tmp_path, ZQCNN_XP_CACHE_DIR=str(tmp_path)) == (0, "jax")
    assert any((tmp_path / "jax").iterdir())


def test_without_a_folder_nothing_is_kept(tmp_path):
    assert run(tmp_path) == (0, "None")
    assert not list(tmp_path.iterdir())


def test_a_folder_somebody_has_set_stays(tmp_path):
    assert run(tmp_path, "argument", "theirs") == (0, "theirs")
    assert not (tmp_path / "ours").exists()


def test_a_damaged_program_is_compiled_anew(tmp_path):
    run(tmp_path, "argument")
    for path in (tmp_path / "ours").iterdir():
        path.write_bytes(b"no program")
    script = SCRIPT
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), "argument"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_made_warns_and_works(tmp_path):
    (tmp_path / "ours").write_text("no folder")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), "argument"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be kept in" in done.stderr
