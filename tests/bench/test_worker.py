"""The protocol of a side: requests in, replies out, whatever goes wrong within."""

import io
import json
import time

import numpy as np
import pytest

from zqcnn_xp.bench.network import load_arrays
from zqcnn_xp.bench.pairs import largest_difference
from zqcnn_xp.bench.worker import serve
from zqcnn_xp.session import Session


@pytest.fixture
def ask():
    """Send requests to a new side; return its replies."""

    def send(*requests, side=("ours", "numpy", "1", "")):
        replies = io.StringIO()
        serve(side, io.StringIO("\n".join(map(json.dumps, requests)) + "\n"), replies)
        return [json.loads(line) for line in replies.getvalue().splitlines()]

    return send


def test_outputs_and_times(ask, make, tmp_path):
    network = make(2)
    network.save(tmp_path)
    loaded, block = ask(
        {"do": "load", "folder": str(tmp_path)},
        {"do": "block", "lead": 1, "count": 3, "clock": "wall"},
    )
    assert loaded["seconds"] > 0
    assert len(block["ms"]) == 3
    assert all(ms > 0 for ms in block["ms"])
    wanted = Session(network.graph, "numpy")(network.inputs)
    found = load_arrays(tmp_path / "numpy-outputs.npz", list(wanted))
    assert largest_difference(found, wanted) < 1e-6


def test_a_block_counts_calls_and_clocks(make, monkeypatch, tmp_path, ask):
    from zqcnn_xp.bench import worker

    calls = []

    def slow(*_):
        def run():
            calls.append(1)
            time.sleep(0.01)
            return {"fc1": np.zeros(1), "prob": np.zeros(1)}

        return run

    monkeypatch.setattr(worker, "ours", slow)
    make().save(tmp_path)
    _, wall, cpu = ask(
        {"do": "load", "folder": str(tmp_path)},
        {"do": "block", "lead": 2, "count": 3, "clock": "wall"},
        {"do": "block", "lead": 0, "count": 3, "clock": "cpu"},
    )
    assert len(calls) == 1 + 2 + 3 + 3
    assert min(wall["ms"]) > 9.9  # a sleep is never shorter
    assert sum(cpu["ms"]) < sum(wall["ms"])  # and takes no processor time


def test_what_a_runtime_raises_is_a_reply(ask, tmp_path):
    missing, unloaded = ask(
        {"do": "load", "folder": str(tmp_path / "nothing")},
        {"do": "block", "lead": 0, "count": 1, "clock": "wall"},
    )
    assert missing["state"] == "refused"
    assert "network.safetensors" in missing["error"]
    assert unloaded == {"error": "RuntimeError: no network is loaded", "state": "refused"}


def test_a_backend_that_cannot_run_is_missing(ask, make, tmp_path, monkeypatch):
    from zqcnn_xp.bench import worker
    from zqcnn_xp.errors import BackendUnavailable

    def unavailable(*_):
        raise BackendUnavailable("not here", pip="pip install it")

    monkeypatch.setattr(worker, "ours", unavailable)
    make().save(tmp_path)
    (reply,) = ask({"do": "load", "folder": str(tmp_path)})
    assert reply["state"] == "missing"
    assert "pip install it" in reply["error"]


def test_arrays_may_stay_on_the_device(ask, make, tmp_path):
    pytest.importorskip("jax")
    network = make(2)
    network.save(tmp_path)
    loaded, block = ask(
        {"do": "load", "folder": str(tmp_path)},
        {"do": "block", "lead": 0, "count": 2, "clock": "wall"},
        side=("resident", "jax", "1", ""),
    )
    assert loaded["seconds"] > 0
    assert len(block["ms"]) == 2
    wanted = Session(network.graph, "numpy")(network.inputs)
    found = load_arrays(tmp_path / "jax-outputs.npz", list(wanted))
    assert largest_difference(found, wanted) < 1e-5
