"""The table of networks: milliseconds per call, and how many times quicker than each peer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from networks import (
    ARCFACE,
    NETS,
    arcface_r34,
    largest_difference,
    load_graph,
    our_runner,
    peer_runners,
)
from timing import interleave


def network_table(folder: Path, backends: list[str], threads: int, rounds: int, quick: bool) -> str:
    """Return Markdown: one row a network and backend."""
    cases = [(name, load_graph(folder, model, w), shape) for name, model, w, shape in NETS]
    if not quick:
        cases.append((ARCFACE[0], arcface_r34(), ARCFACE[1]))
    rows = [
        "| network | backend | ms, median (p10-p90) | onnxruntime ms | x | OpenCV DNN ms | x |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, graph, shape in cases:
        x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        peers = peer_runners(graph, x, threads)
        for backend in backends:
            ours = our_runner(graph, backend, x)
            for peer, run in peers.items():
                found = largest_difference(ours(), run())
                if found > 1e-4:
                    msg = f"{name}: {backend} and {peer} differ by {found:.1e}"
                    raise SystemExit(msg)
            times, _ = interleave({"ours": ours, **peers}, rounds=rounds)
            cells = [name, backend, str(times["ours"])]
            for peer in ("onnxruntime", "opencv"):
                if peer in times:
                    ratio = times[peer].median / times["ours"].median
                    cells += [f"{times[peer].median:.2f}", f"{ratio:.2f}"]
                else:
                    cells += ["-", "-"]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
