"""The table of TAR at FAR on all pairs of a large set: seconds, memory, and the products alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from options import Options, progress

from zqcnn_xp.bench.report import markdown

__all__ = ["tar_far"]

IMAGES, DIM = 20, 128
PEOPLE = (1000, 5000)
"""A quick run takes the first; 5,000 x 20 images are 5 billion pairs."""

# The peer is what no evaluation can do without: the products of all pairs, by BLAS, thrown away.
CODE = """
import json, sys, time
import numpy as np
from zqcnn_xp.evaluation.tar_far import tar_at_far

def status(key):
    for line in open('/proc/self/status'):
        if line.startswith(key):
            return int(line.split()[1]) / 1024

people, images, dim, threads, rounds = map(int, sys.argv[1:6])
backend = sys.argv[6]
rng = np.random.default_rng(0)
labels = np.repeat(np.arange(people), images)
features = rng.normal(size=(people, dim)).astype(np.float32)[labels]
features += rng.normal(size=features.shape).astype(np.float32)

def products():
    n = len(features)
    out = np.empty((1024, 4096), np.float32)
    for i in range(0, n, 1024):
        left = features[i:i + 1024]
        for j in range(i, n, 4096):
            right = features[j:j + 4096]
            np.matmul(left, right.T, out=out[:len(left), :len(right)])

small = slice(0, 100 * images)
options = dict(backend=backend, threads=threads)
tar_at_far(features[small], labels[small], [1e-3], **options)
ours, alone = [], []
with open('/proc/self/clear_refs', 'w') as file:
    file.write('5')
before = status('VmRSS')
for _ in range(rounds):
    start = time.perf_counter()
    found = tar_at_far(features, labels, **options)
    ours.append(time.perf_counter() - start)
    peak = status('VmHWM')
    start = time.perf_counter()
    products()
    alone.append(time.perf_counter() - start)
ratios = [one / other for one, other in zip(ours, alone)]
print(json.dumps([
    float(np.median(ours)), float(np.median(alone)), float(np.median(ratios)), peak - before,
    features.nbytes / 2**20, found.impostors,
]))
"""


def tar_far(options: Options) -> str:
    """Return the table."""
    rounds = 1 if options.quick else 3
    rows = []
    for people in PEOPLE[:1] if options.quick else PEOPLE:
        for backend in options.backends:
            progress(f"tar-far: {backend}, {people} x {IMAGES}")
            found = _child(people, IMAGES, DIM, options.threads, rounds, backend)
            size = f"{people * IMAGES:,} x {DIM}"
            if isinstance(found, str):
                rows.append([backend, size, found, *["-"] * 5])
                continue
            ours, alone, ratio, peak, held, impostors = found
            cells = [f"{ours:.1f}", f"{alone:.1f}", f"{ratio:.2f}", f"{peak:.0f}", f"{held:.0f}"]
            rows.append([backend, size, *cells, f"{impostors:,.0f}"])
    head = ["backend", "features", "seconds", "products alone s", "ratio", "adds at most MB"]
    head += ["features MB", "impostor pairs"]
    return (
        "All pairs, thresholds at FAR 1e-8 to 1e-5 exact in float64. The peer is the products of "
        f"all pairs by NumPy's BLAS, with nothing done to them:\n\n{markdown(head, rows)}"
    )


def _child(*arguments: object) -> list[float] | str:
    """Run in a process of its own; what it printed, or the last words of its failure."""
    threads = str(arguments[3])
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | dict.fromkeys(names, threads),
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"failed with code {done.returncode}: {last[:120]}"
    return [float(value) for value in json.loads(done.stdout)]
