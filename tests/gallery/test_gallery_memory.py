"""Memory stays far below the features' size, were they all of one person."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

COUNT, DIM = 300_000, 128
MEGABYTES = COUNT * DIM * 4 / 2**20

# What is measured is the process's own memory, without pages of the mapped file.
CODE = """
import sys, threading, time
import numpy as np
from zqcnn_xp.gallery import (
    Gallery, Labelled, cluster, find_mislabelled, find_outliers, find_repeated_people,
    find_worst_pairs,
)
from zqcnn_xp.gallery.masters import find_masters


def own():
    with open("/proc/self/status") as file:
        return int(file.read().split("RssAnon:")[1].split()[0]) / 1024


def watch():
    while True:
        peak[0] = max(peak[0], own())
        time.sleep(0.005)


features = np.load(sys.argv[1], mmap_mode="r")
per_person = int(sys.argv[2])
ids = np.random.default_rng(1).permutation(len(features)) // per_person
labelled = Labelled(features, ids, [""] * (len(features) // per_person))
few = slice(0, 2000)
Gallery(labelled).identify(features[:2], 1)  # what is compiled and loaded stays
cluster(np.array(features[:64]), 0.5)
peak = [own()]
before = peak[0]
threading.Thread(target=watch, daemon=True).start()
find_outliers(labelled)
find_mislabelled(labelled, below=-0.3)
if per_person <= 1000:
    find_worst_pairs(labelled)
    find_repeated_people(labelled, 0.9)
Gallery(labelled).identify(features[:64], 2)
find_masters(features[few], 0.9, window=100)
print(peak[0] - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("per_person", [20, COUNT])
def test_a_large_set(tmp_path, per_person):
    path = tmp_path / "features.npy"
    random = np.random.default_rng(0)
    features = np.lib.format.open_memmap(path, "w+", np.float32, (COUNT, DIM))
    for start in range(0, COUNT, 10_000):
        block = random.normal(size=(10_000, DIM)).astype(np.float32)
        features[start : start + 10_000] = block / np.linalg.norm(block, axis=1, keepdims=True)
    features.flush()
    del features
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), str(per_person)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MEGABYTES * 0.8
