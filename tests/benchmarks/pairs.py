"""The tables of all pairs: duplicates and clusters beside faiss, and of a million to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from options import Options, progress

from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.timing import Call, take_turns
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.near_pairs import near_pairs
from zqcnn_xp.registry import get_backend

__all__ = ["million", "pairs"]

DIM = 128
ROWS, QUICK_ROWS = 50_000, 10_000
MANY, QUICK_MANY = 1_000_000, 20_000
THRESHOLDS = {"duplicates": 0.95, "clusters": 0.65}
COPIES = 500
"""One of so many photos is there twice."""


def people(n: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Draw features of made-up persons, and the person of each.

    Persons have 20 photos in the mean, some one, some a hundred; photos are more or less like
    their person (0.3 to 0.8 of noise: 0.96 to 0.78 of cosine to the middle); some axes are longer
    than others, as those of networks are, so that strangers' cosines have a deviation of 0.096;
    and some photos are there twice, with a little noise.
    """
    rng = np.random.default_rng(seed)
    copies = n // COPIES
    counts = rng.geometric(1 / 20, size=n // 15)
    whose = np.repeat(np.arange(len(counts)), counts)[: n - copies]
    axes = (1 / np.sqrt(1 + np.arange(DIM) / 40)).astype(np.float32)
    middles = rng.standard_normal((int(whose.max()) + 1, DIM), np.float32) * axes
    x = np.empty((n, DIM), np.float32)
    for start in range(0, len(whose), 1 << 16):
        part = whose[start : start + (1 << 16)]
        noise = rng.standard_normal((len(part), DIM), np.float32) * axes
        noise *= rng.uniform(0.3, 0.8, (len(part), 1)).astype(np.float32)
        x[start : start + len(part)] = middles[part] + noise
    twice = rng.integers(0, len(whose), n - len(whose))
    noise = rng.standard_normal((len(twice), DIM), np.float32) * axes
    x[len(whose) :] = x[twice] + np.float32(0.1) * noise
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    order = rng.permutation(n)
    return x[order], np.concatenate([whose, whose[twice]])[order]


def pairs(options: Options) -> str:
    """Return the table of times beside faiss, which compares each pair twice."""
    n = QUICK_ROWS if options.quick else ROWS
    x, _ = people(n)
    rows = []
    for what, threshold in THRESHOLDS.items():
        progress(f"pairs: {what} of {n}")
        sides = {}
        for name in options.backends:
            made = get_backend(name, threads=None if name == "jax" else options.threads)
            sides[name] = lambda b=made, t=threshold: _ours(x, t, b)
        try:
            import faiss
        except ImportError:
            progress("pairs: no faiss")
        else:
            faiss.omp_set_num_threads(options.threads)
            index = faiss.IndexFlatIP(DIM)
            index.add(x)
            sides["faiss flat"] = lambda i=index, t=threshold: _faiss(i, x, t)
        found = {name: run() for name, run in sides.items()}
        turns = take_turns(
            {name: Call(run) for name, run in sides.items()},
            rounds=max(options.rounds // 4, 2),
            clock=options.clock,
        )
        for name in sides:
            cells = [what, f"{threshold}", name, f"{found[name]:,}", str(turns.timed(name))]
            theirs = "faiss flat" in sides and name != "faiss flat"
            rows.append([*cells, str(turns.ratio(name, "faiss flat")) if theirs else ""])
    head = ["what", "threshold", "by", "pairs", "ms, median (p10-p90)", "ratio to faiss flat"]
    return f"All pairs of {n:,} features of {DIM} values:\n\n{markdown(head, rows)}"


def _ours(x: np.ndarray, threshold: float, backend: Any) -> int:
    return sum(len(hits.row) for hits in near_pairs(x, Floor(threshold), backend=backend))


def _faiss(index: Any, x: np.ndarray, threshold: float) -> int:
    """Count pairs by range searches, some queries at a time as all results come at once."""
    found = 0
    for start in range(0, len(x), 4096):
        ends, _, rows = index.range_search(x[start : start + 4096], threshold)
        query = np.repeat(np.arange(len(ends) - 1), np.diff(ends.astype(np.int64)))
        found += int(np.count_nonzero(query + start < rows))
    return found


def million(options: Options) -> str:
    """Return the table of the gallery commands on many features, each in a process of its own."""
    n = QUICK_MANY if options.quick else MANY
    x, whose = people(n)
    table = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        names = np.char.add(np.char.zfill(np.arange(n).astype("U7"), 7), ".jpg")
        np.savez(place / "faces.npz", features=x, names=names, labels=whose.astype("U7"))
        del x, names
        gallery = str(place / "faces")
        _gallery(options, "create", gallery, "--dim", str(DIM))
        commands = [("llvm", "import", gallery, str(place / "faces.npz"))]
        for backend in options.backends:
            threshold = str(THRESHOLDS["clusters"])
            commands += [
                (backend, "dedupe", gallery, "--limit", "100000"),
                (backend, "cluster", gallery, "--threshold", threshold),
            ]
        for backend, command, *words in commands:
            progress(f"pairs: {command} of {n}, {backend}")
            seconds, cpu, own, peak, said = _gallery(options, command, *words, backend=backend)
            cells = [f"{seconds:.0f}", f"{cpu:.0f}", f"{own:.0f}", f"{peak:.0f}", said]
            table.append([command, "" if command == "import" else backend, *cells])
    head = ["gallery", "backend", "s", "s of processors", "MB of its own", "MB with mapped pages"]
    return (
        f"{n:,} features of {DIM} float32 values, by the command line, {options.threads} threads:"
        f"\n\n{markdown([*head, 'result'], table)}"
    )


def _gallery(
    options: Options, command: str, *words: str, backend: str = ""
) -> tuple[float, float, float, float, str]:
    """Run a command; returns seconds, processor seconds, MB of its own and in all, its last line.

    Memory of its own is what Linux calls anonymous, looked at twenty times a second.
    """
    line = [sys.executable, "-m", "zqcnn_xp", "gallery", command, *words]
    line += ["--threads", str(options.threads)]
    if backend:
        line += ["--backend", backend]
    start, before = time.perf_counter(), os.times()
    done = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    most = {"RssAnon": 0.0, "VmHWM": 0.0}

    def watch() -> None:
        while done.poll() is None:
            try:
                held = Path(f"/proc/{done.pid}/status").read_text(encoding="ascii")
            except OSError:
                return
            for row in held.splitlines():
                key, _, value = row.partition(":")
                if key in most:
                    most[key] = max(most[key], int(value.split()[0]) / 1024)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    error = done.communicate()[1]
    watcher.join()
    if done.returncode:
        raise RuntimeError(f"{json.dumps(line)}: {error}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    said = error.strip().splitlines()[-1:] or [""]
    return time.perf_counter() - start, cpu, most["RssAnon"], most["VmHWM"], said[0]
