"""The table of cold start: what the first result of a new process waits for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from networks import CASES
from options import Options, progress

from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.workers import SideError, Worker

__all__ = ["cold"]

# Prints the seconds from the process's start to the end of each step: those that passed, or those
# that it spent on processors.
STEPS = """
import json, sys, time
start, clock, backend, folder = float(sys.argv[1]), *sys.argv[2:]
now = time.process_time if clock == "cpu" else lambda: time.time() - start
marks = [now()]
import zqcnn_xp
from zqcnn_xp.session import Session
marks.append(now())
made = zqcnn_xp.get_backend(backend)
marks.append(now())
from pathlib import Path
from zqcnn_xp.bench.network import Network
network = Network.load(Path(folder))
marks.append(now())
session = Session(network.graph, made)
session(network.inputs)
marks.append(now())
print(json.dumps(marks))
"""
NET = CASES[0]


def cold(options: Options) -> str:
    """Return two tables: a network's first result, and the command's first detection."""
    repeats = 2 if options.quick else 7
    rows, commands = [], []
    image = options.data / "images" / "4.jpg"
    with TemporaryDirectory() as folder:
        saved = Path(folder, "net")
        saved.mkdir()
        NET.network(options.data).save(saved)
        for backend in options.backends:
            progress(f"cold start: {backend}")
            for warm in (False, True):
                marks, seconds = [], []
                for turn in range(repeats):
                    caches = Path(folder, f"{backend}-{'warm' if warm else turn}")
                    if warm and turn == 0:
                        _steps(options, backend, saved, caches)
                        _detect(options, backend, image, caches)
                    marks.append(_steps(options, backend, saved, caches))
                    # Without the network's objects: the command finds its own.
                    seconds.append(
                        _detect(options, backend, image, caches if warm else Path(f"{caches}-d"))
                    )
                state = "warm" if warm else "cold"
                rows.append([backend, state, *_differences(marks)])
                commands.append([backend, state, f"{median(seconds):.2f}", f"{min(seconds):.2f}"])
        peers = [_peer(options, name, saved) for name in _installed(options)]
    head = ["backend", "caches", "Python", "import", "backend", "read", "compile, first result"]
    first = markdown([*head, "total s"], rows)
    second = markdown(["backend", "caches", "median s", "least s"], commands)
    third = markdown(["peer", "import, read, compile, first result s"], peers)
    return (
        f"{NET.name}, seconds of a new process ({options.clock} clock), medians of {repeats}; "
        "caches: ours on disk (`ZQCNN_XP_CACHE_DIR`); files are in the system's memory."
        f"\n\n{first}\n\n"
        f"`zqcnn-xp detect 4.jpg` (640x480, default nets), from the command's start to its end:"
        f"\n\n{second}\n\nPeers, {NET.name}, Python's start apart:\n\n{third}"
    )


def _environment(caches: Path) -> dict[str, str]:
    # An installed package has its bytecode: a tree that may not keep any compiles itself each time.
    given = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**given, "ZQCNN_XP_CACHE_DIR": str(caches)}


def _steps(options: Options, backend: str, saved: Path, caches: Path) -> list[float]:
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-c", STEPS, repr(start), options.clock, backend, str(saved)],
        env=_environment(caches),
        capture_output=True,
        text=True,
        check=True,
    )
    return list(map(float, json.loads(done.stdout)))


def _detect(options: Options, backend: str, image: Path, caches: Path) -> float:
    start = _spent() if options.clock == "cpu" else time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "zqcnn_xp", "detect", str(image), "--backend", backend],
        env=_environment(caches),
        capture_output=True,
        check=True,
    )
    return (_spent() if options.clock == "cpu" else time.perf_counter()) - start


def _spent() -> float:
    """Seconds that ended processes of this one have spent on processors."""
    times = os.times()
    return times.children_user + times.children_system


def _differences(marks: list[list[float]]) -> list[str]:
    """Return the medians of the steps and of the whole."""
    steps = [[0.0, *line] for line in marks]
    found = [
        median(line[index + 1] - line[index] for line in steps) for index in range(len(marks[0]))
    ]
    return [f"{value:.3f}" for value in (*found, median(line[-1] for line in marks))]


def _installed(options: Options) -> list[str]:
    return [peer.name for peer in options.peers if peer.installed]


def _peer(options: Options, name: str, saved: Path) -> list[str]:
    seconds = []
    for _ in range(1 if options.quick else 3):
        with Worker("peer", name, options.threads) as worker:
            try:
                seconds.append(worker.load(saved))
            except SideError as error:
                return [name, f"{error.state}: {error}"]
    return [name, f"{median(seconds):.2f}"]
