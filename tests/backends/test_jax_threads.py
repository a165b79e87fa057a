"""JAX's CPU client gets our number of threads where we start it, and the report says which.

There is one client in a process, so each case runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")

SCRIPT = """
import os, sys
from pathlib import Path

if "before" in sys.argv:
    import jax

    jax.devices()
import zqcnn_xp
from zqcnn_xp.registry import device_report, get_backend, list_backends

held = dict(os.environ)
if "probed" in sys.argv:
    with zqcnn_xp.using(threads=7):
        list_backends()
if "refused" in sys.argv:
    try:
        get_backend("jax", device="gpu:99", threads=6)
    except zqcnn_xp.errors.BackendUnavailable:
        pass
given = 5 if "argument" in sys.argv else None
report = device_report(get_backend("jax", device="cpu", threads=given))
assert dict(os.environ) == held
tasks = Path("/proc/self/task")
names = [path.read_text() for path in tasks.glob("*/comm")] if tasks.is_dir() else []
print(sum(name.startswith("tf_XLAEigen") for name in names), report.threads, report.threads_source)
"""


def run(folder, *words, **environment):
    """Return the threads that the client has, those in the report, and their source."""
    names = ("ZQCNN_XP_THREADS", "OMP_NUM_THREADS", "PJRT_NPROC", "NPROC")
    clean = {k: v for k, v in os.environ.items() if k not in names}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, *words],
        env=clean | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    pool, threads, source = done.stdout.strip().split(" ", 2)
    if sys.platform != "linux":
        pool = threads  # its threads have no names to count
    return int(pool), None if threads == "None" else int(threads), source


@pytest.mark.parametrize(
    ("words", "environment", "number", "source"),
    [
        (["argument"], {"ZQCNN_XP_THREADS": "4"}, 5, "argument"),
        ([], {"ZQCNN_XP_THREADS": "4", "OMP_NUM_THREADS": "1"}, 4, "ZQCNN_XP_THREADS"),
        ([], {"OMP_NUM_THREADS": "1"}, 1, None),
        ([], {"PJRT_NPROC": "3", "OMP_NUM_THREADS": "1"}, 3, "PJRT_NPROC"),
        ([], {"PJRT_NPROC": "3", "ZQCNN_XP_THREADS": "4"}, 4, "ZQCNN_XP_THREADS"),
        ([], {"PJRT_NPROC": "0", "OMP_NUM_THREADS": "1"}, 1, None),
        (["argument", "probed"], {}, 7, "using()"),
        (["argument", "refused"], {}, 6, "argument"),
    ],
)
def test_who_starts_it_decides(tmp_path, words, environment, number, source):
    pool, threads, words = run(tmp_path, *words, **environment)
    assert (pool, threads) == (number, number)
    assert words.endswith(", when JAX started")
    assert source is None or words == f"{source}, when JAX started"


def test_a_client_of_somebody_else_keeps_its_number(tmp_path):
    pool, threads, source = run(tmp_path, "before", "argument", PJRT_NPROC="3")
    assert (pool, threads) == (3, None) or sys.platform != "linux"
    assert source == "JAX was started before with a number of its own"
