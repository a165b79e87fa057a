"""Programs on disk: found again by another process, never trusted when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Dense
from zqcnn_xp_jax import JaxBackend
from zqcnn_xp_jax.programs import ProgramStore

CPU = jax.devices("cpu")[0]

SCRIPT = """
import numpy as np, sys
from zqcnn_xp import get_backend
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Dense
weights = {"weight": np.eye(4, 3, dtype=np.float32), "bias": np.zeros(3, np.float32)}
graph = Graph((GraphInput("x", (2, 4)),), (Node("n", Dense(3), ("x",), ("y",), weights),), ("y",))
backend = get_backend("jax", device="cpu")
run = backend.compile(graph, {"x": (2, 4)})
y = backend.to_numpy(run({"x": backend.from_numpy(np.ones((2, 4), np.float32))})["y"])
assert y.tolist() == [[1, 1, 1]] * 2
sys.stdout.write(f"{backend.programs.hits} {backend.programs.misses}")
"""


def lowered(factor=2.0):
    return jax.jit(lambda x: x * factor).lower(jax.ShapeDtypeStruct((3,), jnp.float32))


def ran(program):
    return np.asarray(program(jnp.ones(3))).tolist()


def test_a_second_process_finds_the_program(tmp_path):
    environment = {**os.environ, "ZQCNN_XP_CACHE_DIR": str(tmp_path / "new" / "folder")}
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for _ in range(2)
    ]
    assert said == ["0 1", "1 0"]
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


def test_without_a_folder_nothing_is_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("ZQCNN_XP_CACHE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    weights = {"weight": np.ones((4, 3), np.float32)}
    node = Node("n", Dense(3, bias=False), ("x",), ("y",), weights)
    backend = JaxBackend("cpu")
    backend.compile(Graph((GraphInput("x", (2, 4)),), (node,), ("y",)), {"x": (2, 4)})
    assert backend.programs is None
    assert not list(tmp_path.iterdir())


def test_the_argument_wins_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path / "environment"))
    assert JaxBackend("cpu").programs.folder == tmp_path / "environment"
    made = JaxBackend("cpu", cache_dir=tmp_path / "argument")
    assert made.programs.folder == tmp_path / "argument"


def test_programs_differ_by_what_they_compute(tmp_path):
    store = ProgramStore(tmp_path)
    assert ran(store.compile(lowered(2.0), CPU)) == [2, 2, 2]
    assert ran(store.compile(lowered(3.0), CPU)) == [3, 3, 3]
    assert ran(store.compile(lowered(2.0), CPU)) == [2, 2, 2]
    assert (store.hits, store.misses) == (1, 2)


def test_other_compilers_and_flags_are_other_programs(monkeypatch, tmp_path):
    store = ProgramStore(tmp_path)
    store.compile(lowered(), CPU)
    monkeypatch.setattr(jax, "__version__", "0.0.1")
    store.compile(lowered(), CPU)
    monkeypatch.setenv("XLA_FLAGS", "--xla_other")
    store.compile(lowered(), CPU)
    monkeypatch.setattr("zqcnn_xp_jax.programs._processor", lambda: "another CPU")
    store.compile(lowered(), CPU)
    assert (store.hits, store.misses) == (0, 4)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign", "forged"])
def test_a_damaged_file_is_compiled_anew(tmp_path, damage):
    store = ProgramStore(tmp_path)
    store.compile(lowered(), CPU)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    from hashlib import sha256

    from zqcnn_xp_jax.programs import _MAGIC

    forged = _MAGIC + sha256(b"nothing").digest() + b"nothing"
    path.write_bytes(
        {"empty": b"", "cut": good[:-9], "flipped": bytes(flipped), "foreign": b"GIF89a" * 99,
         "forged": forged}[damage]
    )  # fmt: skip
    fresh = ProgramStore(tmp_path)
    assert ran(fresh.compile(lowered(), CPU)) == [2, 2, 2]
    assert (fresh.hits, fresh.misses) == (0, 1)
    assert path.read_bytes() != b""
    assert ran(ProgramStore(tmp_path).compile(lowered(), CPU)) == [2, 2, 2]


def test_only_the_owner_may_look(tmp_path):
    store = ProgramStore(tmp_path / "programs")
    store.compile(lowered(), CPU)
    if os.name == "posix":
        assert (tmp_path / "programs").stat().st_mode & 0o777 == 0o700
    assert not [p for p in (tmp_path / "programs").iterdir() if p.name.startswith(".")]


def test_a_folder_that_cannot_be_written_warns_and_works(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    store = ProgramStore(occupied)
    with pytest.warns(RuntimeWarning, match="cannot be kept in"):
        program = store.compile(lowered(), CPU)
    assert ran(program) == [2, 2, 2]


def test_two_backends_do_not_share_a_store(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = JaxBackend("cpu", cache_dir=tmp_path / "a"), JaxBackend("cpu")
    assert one.programs.folder != getattr(other.programs, "folder", None)
