"""The tables of search: times beside faiss and usearch, what integers lose, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from options import Options, progress

from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.timing import Call, take_turns
from zqcnn_xp.gallery.engines import build_index
from zqcnn_xp.gallery.rows import ArrayRows, as_rows, decoded, quantize
from zqcnn_xp.gallery.search import search as exact_search
from zqcnn_xp.registry import get_backend

__all__ = ["losses", "memory", "search"]

DIM, K = 128, 10
ROWS, QUICK_ROWS = 500_000, 20_000
QUERIES = (1, 64)
GOALS = {1: ("faiss SQ8", 0.5), 64: ("best of them", 0.2)}
"""Queries -> whose time counts, and how much of it we may take."""
FILE_ROWS, QUICK_FILE_ROWS = 10_000_000, 100_000

Search = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# A search of a mapped file in a process of its own; pages of the file count as its memory.
MEMORY = """
import json, sys, time
import numpy as np
from zqcnn_xp.gallery.rows import ArrayRows
from zqcnn_xp.gallery.search import search
from zqcnn_xp.registry import get_backend

def status(key):
    for line in open('/proc/self/status'):
        if line.startswith(key):
            return int(line.split()[1]) / 1024

folder, backend, threads, n, dim, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
made = get_backend(backend, threads=threads)
x = np.memmap(folder + '/rows', np.int8, 'r', shape=(n, dim))
rows = ArrayRows(x, np.memmap(folder + '/scales', np.float32, 'r', shape=(n,)))
queries = np.random.default_rng(1).standard_normal((count, dim)).astype(np.float32)
queries /= np.linalg.norm(queries, axis=1, keepdims=True)
search(queries, ArrayRows(x[:1000], rows.scales[:1000]), backend=made)
before = status('VmRSS')
start = time.perf_counter()
found = search(queries, rows, 10, backend=made)
seconds = time.perf_counter() - start
print(json.dumps([status('VmHWM'), before, seconds, float(found.scores[0, 0])]))
"""


def unit(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """Draw features of length 1 in all directions: the hardest for any index."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dim), np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x


def _near(x: np.ndarray, count: int) -> np.ndarray:
    """Draw queries whose nearest row stands out, as that of a known person does."""
    rng = np.random.default_rng(9)
    picked = x[rng.integers(0, len(x), count)]
    picked += 0.07 * rng.standard_normal(picked.shape, np.float32)
    return picked / np.linalg.norm(picked, axis=1, keepdims=True)


def search(options: Options) -> str:
    """Return the table of times."""
    n = QUICK_ROWS if options.quick else ROWS
    x = unit(n, DIM)
    stored = quantize(x)
    sides: dict[str, Search] = {}
    for name in options.backends:
        made = get_backend(name, threads=None if name == "jax" else options.threads)
        sides[f"{name}, float32"] = lambda q, b=made: exact_search(q, x, K, backend=b)[:2]
        sides[f"{name}, int8 + float32"] = lambda q, b=made: exact_search(
            q, stored, K, originals=x, backend=b
        )[:2]
    others = _peers(x, options.threads)
    sides |= others
    rows = []
    for count in QUERIES:
        progress(f"search: {count} of {n}")
        queries = _near(x, count)
        wanted = _exact(queries, x)
        recalls = {name: _recall(run(queries)[0], wanted) for name, run in sides.items()}
        turns = take_turns(
            {name: Call(lambda run=run, q=queries: run(q)) for name, run in sides.items()},
            rounds=options.rounds,
            clock=options.clock,
        )
        best = min(others, key=lambda name: turns.timed(name).median, default=None)
        whose, goal = GOALS[count]
        against = best if whose.startswith("best") else whose
        for name in sides:
            cells = [str(count), name, f"{recalls[name]:.3f}", str(turns.timed(name))]
            if against in others and name not in others:
                ratio = turns.ratio(name, against)
                cells += [f"{ratio} of {against}", f"{goal}", "met" if ratio.median <= goal else ""]
            rows.append([*cells, *[""] * (7 - len(cells))])
    head = ["queries", "by", "recall@10", "ms, median (p10-p90)", "ratio", "goal", ""]
    return (
        f"{n:,} features of length 1, {DIM} values, the best {K}; results are compared with all "
        f"products in float64 before anything is timed:\n\n{markdown(head, rows)}"
    )


def _peers(x: np.ndarray, threads: int) -> dict[str, Search]:
    """Return the other libraries that are here, their indexes built."""
    found: dict[str, Search] = {}
    try:
        import faiss
    except ImportError:
        progress("search: no faiss")
    else:
        faiss.omp_set_num_threads(threads)
        for title, engine in (("faiss flat", "faiss"), ("faiss SQ8", "faiss-sq8")):
            index = build_index(engine, as_rows(x), threads=threads)
            found[title] = lambda q, i=index: i.search(q, K)[::-1]
    try:
        from usearch.index import search as usearch
    except ImportError:
        progress("search: no usearch")
    else:

        def brute(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            matches = usearch(x, q, K, "ip", exact=True, threads=threads)
            return np.asarray(matches.keys).reshape(len(q), K), np.asarray(matches.distances)

        found["usearch"] = brute
    return found


def _exact(queries: np.ndarray, x: np.ndarray) -> np.ndarray:
    wanted = []
    for query in queries.astype(np.float64):
        scores = np.concatenate([x[i : i + 65536] @ query for i in range(0, len(x), 65536)])
        wanted.append(np.argsort(-scores, kind="stable")[:K])
    return np.array(wanted)


def _recall(found: np.ndarray, wanted: np.ndarray) -> float:
    pairs = zip(found, wanted, strict=True)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / len(b) for a, b in pairs]))


def losses(options: Options) -> str:
    """Return the table of what stored features lose."""
    sets = {"length 1, all directions": unit(QUICK_ROWS if options.quick else 100_000, DIM)}
    golden = options.data / "golden" / "lfw_mobilefacenet_features.npz"
    if golden.exists():
        with np.load(golden) as held:
            x = next(held[name] for name in held.files if held[name].ndim == 2).astype(np.float32)
        sets["LFW, MobileFaceNet"] = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = []
    for name, x in sets.items():
        progress(f"search: losses, {name}")
        queries = _near(x, 500) if name.startswith("length") else x[:: max(len(x) // 500, 1)]
        wanted = exact_search(queries, x, K)
        for kind in ("float16", "int16", "int8"):
            stored = ArrayRows(x.astype("f2")) if kind == "float16" else quantize(x, kind)
            plain = exact_search(queries, stored, K)
            again = exact_search(queries, stored, K, originals=x)
            off = np.abs(queries @ (decoded(stored, 0, len(x)) - x)[:2000].T)
            first = float((plain.indices[:, 0] == wanted.indices[:, 0]).mean())
            cells = [f"{first:.4f}", f"{_recall(plain.indices, wanted.indices):.4f}"]
            cells += [f"{off.mean():.1e}", f"{off.max():.1e}"]
            cells.append(f"{_recall(again.indices, wanted.indices):.4f}")
            rows.append([name, f"{len(x):,}", kind, *cells])
    head = ["features", "rows", "stored as", "recall@1", "recall@10", "mean error of a score"]
    head += ["largest", "recall@10 with originals"]
    return f"What stored features lose against float32:\n\n{markdown(head, rows)}"


def memory(options: Options) -> str:
    """Return the table of memory of a search of a mapped file."""
    n = QUICK_FILE_ROWS if options.quick else FILE_ROWS
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        progress(f"search: a file of {n} rows")
        _write(Path(folder), n)
        size = n * (DIM + 4) / 2**20
        for backend in options.backends:
            for count in QUERIES:
                progress(f"search: {count} of {n}, {backend}")
                command = [folder, backend, options.threads, n, DIM, count]
                peak, before, seconds, _ = _child(MEMORY, command)
                cells = [f"{peak:.0f}", f"{before:.0f}", f"{peak - size:+.0f}", f"{seconds:.2f}"]
                rows.append([backend, str(count), *cells])
    head = ["backend", "queries", "peak MB", "before MB", "beyond the store MB", "s, first pass"]
    return (
        f"{n:,} int8 features of {DIM} values in a mapped file ({size:.0f} MB with scales), in a "
        f"process of its own; pages of the file count:\n\n{markdown(head, rows)}"
    )


def _write(folder: Path, n: int) -> None:
    """Write integers of all sizes, and scales that give each row the length 1."""
    rng = np.random.default_rng(0)
    step = 1 << 18
    with (folder / "rows").open("wb") as rows, (folder / "scales").open("wb") as scales:
        for start in range(0, n, step):
            part = rng.integers(-127, 128, (min(step, n - start), DIM), np.int8)
            rows.write(part.tobytes())
            squares = np.einsum("ij,ij->i", part, part, dtype=np.float32)
            scales.write((1 / np.sqrt(squares)).tobytes())


def _child(code: str, arguments: list[Any]) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(value) for value in json.loads(done.stdout)]
