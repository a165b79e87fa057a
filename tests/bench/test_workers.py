"""Processes of sides: they answer, crash, hang and start again without harm to the caller."""

import subprocess
import sys

import pytest

from zqcnn_xp.bench import workers
from zqcnn_xp.bench.workers import SideError, Worker

CRASH = """
import os, sys
for line in sys.stdin:
    if '"block"' in line:
        print('{"ms": [1.5]}', flush=True)
    else:
        print('last words', file=sys.stderr, flush=True)
        os.abort()
"""
HANG = "import sys, time; sys.stdin.readline(); time.sleep(100_000)"


@pytest.fixture
def replaced(monkeypatch):
    """Run other code as the side's process."""

    def replace(code):
        real = subprocess.Popen
        monkeypatch.setattr(
            workers.subprocess,
            "Popen",
            lambda command, **options: real([sys.executable, "-c", code], **options),
        )

    return replace


def test_a_network_is_loaded_and_timed(make, tmp_path):
    make().save(tmp_path)
    with Worker("ours", "numpy", 1) as worker:
        assert worker.load(tmp_path) > 0
        assert len(worker.block(4, clock="cpu")) == 4
        process = worker._process
    assert process.poll() is not None
    assert (tmp_path / "numpy-outputs.npz").is_file()


def test_refusals_have_words(tmp_path):
    with Worker("peer", "nothing", 1) as worker, pytest.raises(SideError) as caught:
        worker.load(tmp_path)
    assert (caught.value.side, caught.value.state) == ("nothing", "refused")
    assert "network.safetensors" in str(caught.value)


def test_after_a_crash_the_next_request_starts_another(replaced, tmp_path):
    replaced(CRASH)
    with Worker("peer", "fragile", 1) as worker:
        assert worker.block(1) == (1.5,)
        with pytest.raises(SideError, match="last words") as caught:
            worker.load(tmp_path)
        assert (caught.value.side, caught.value.state) == ("fragile", "crashed")
        assert worker.block(1) == (1.5,)


def test_a_side_that_hangs_is_ended(replaced):
    replaced(HANG)
    with Worker("peer", "asleep", 1, patience=0.5) as worker, pytest.raises(SideError) as caught:
        worker.block(1)
    # Were it waited for, this test would end at pytest's limit of time.
    assert caught.value.state == "crashed"


def test_closing_twice_is_fine():
    worker = Worker("ours", "numpy", 1)
    worker.close()
    worker.close()
