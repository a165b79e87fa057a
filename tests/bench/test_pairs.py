"""Comparisons: who takes part, who does not and why, and which ratios come out."""

from typing import ClassVar

import numpy as np
import pytest

from zqcnn_xp.bench import pairs
from zqcnn_xp.bench.pairs import Arena, Comparison, Side, largest_difference
from zqcnn_xp.bench.peers import Peer, find_peers
from zqcnn_xp.bench.timing import Timed, Turns
from zqcnn_xp.bench.workers import SideError


class FakeWorker:
    """A side without a process: it gives what the network gives, or what the test sets."""

    wrong: ClassVar[dict] = {}
    fails_at: ClassVar[dict] = {}

    def __init__(self, kind, name, threads, *, device=None):
        self.kind, self.name, self.threads, self.blocks = kind, name, threads, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def load(self, folder):
        from zqcnn_xp.bench.network import Network, save_arrays

        if self.fails_at.get(self.name) == "load":
            raise SideError(self.name, "refused", "does not take it")
        network = Network.load(folder)
        found = pairs._reference(network)
        off = self.wrong.get(self.name, 0.0)
        save_arrays(folder / f"{self.name}-outputs.npz", {n: v + off for n, v in found.items()})
        return 0.25

    def block(self, count, *, lead=1, clock="wall"):
        self.blocks += 1
        if self.fails_at.get(self.name) == self.blocks:
            raise SideError(self.name, "crashed", "ended")
        return ({"numpy": 2.0, "ncnn": 1.0, "opencv": 8.0}[self.name],) * count


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(pairs, "Worker", FakeWorker)
    monkeypatch.setattr(FakeWorker, "wrong", {})
    monkeypatch.setattr(FakeWorker, "fails_at", {})
    monkeypatch.setattr(Peer, "installed", True)
    return FakeWorker


def compare(make, peers=("ncnn", "opencv")):
    with Arena(["numpy"], find_peers(peers), threads=1) as arena:
        return arena.compare(make(), rounds=2)


def states(found):
    return {side.name: side.state for side in found.sides}


def test_all_are_timed_and_paired(fake, make):
    found = compare(make)
    assert states(found) == {"numpy": "timed", "ncnn": "timed", "opencv": "timed"}
    assert found.best_peer().name == "ncnn"
    ratios = found.ratios()
    assert {pair: ratio.median for pair, ratio in ratios.items()} == {
        ("numpy", "ncnn"): 2.0,
        ("numpy", "opencv"): 0.25,
    }
    assert {side.ready_s for side in found.sides} == {0.25}
    assert all(side.difference == 0 for side in found.sides)


def test_one_that_computes_something_else_is_not_timed(fake, make):
    fake.wrong = {"ncnn": 0.1}
    found = compare(make)
    assert states(found) == {"numpy": "timed", "ncnn": "different", "opencv": "timed"}
    side = found.sides[1]
    assert side.times is None
    assert side.difference > 1e-2
    assert "differ by" in side.message
    assert found.best_peer().name == "opencv"
    assert list(found.ratios()) == [("numpy", "opencv")]


def test_our_own_mistakes_are_found_too(fake, make):
    fake.wrong = {"numpy": 0.1}
    found = compare(make)
    assert states(found)["numpy"] == "different"
    assert found.ratios() == {}


def test_results_that_are_no_numbers_are_different(fake, make):
    fake.wrong = {"ncnn": float("nan")}
    assert states(compare(make))["ncnn"] == "different"


def test_one_that_refuses_leaves_the_others(fake, make):
    fake.fails_at = {"ncnn": "load"}
    found = compare(make)
    assert states(found) == {"numpy": "timed", "ncnn": "refused", "opencv": "timed"}
    assert found.sides[1].message == "does not take it"


@pytest.mark.parametrize("block", [1, 2, 3])
def test_one_that_crashes_on_the_way_leaves_the_others(fake, make, block):
    fake.fails_at = {"opencv": block}
    found = compare(make)
    assert states(found) == {"numpy": "timed", "ncnn": "timed", "opencv": "crashed"}
    assert len(found.turns.rounds["numpy"]) == 2


def test_one_that_is_not_installed_names_its_pip_command(fake, make, monkeypatch):
    monkeypatch.setattr(Peer, "installed", property(lambda peer: peer.name != "opencv"))
    found = compare(make)
    assert states(found)["opencv"] == "missing"
    assert found.sides[-1].message == "not installed: pip install opencv-python"


def test_without_peers_there_is_none_that_is_best(fake, make):
    found = compare(make, peers=())
    assert found.best_peer() is None
    assert found.ratios() == {}


def test_real_processes_agree_with_the_references(make):
    pytest.importorskip("onnxruntime")
    network = make(2)
    with Arena(["numpy"], find_peers(["onnxruntime"]), threads=1) as arena:
        for _ in range(2):  # one network after another in the same processes
            found = arena.compare(network, rounds=2, block_ms=1)
            assert states(found) == {"numpy": "timed", "onnxruntime": "timed"}
    ours, theirs = found.sides
    assert ours.ours
    assert not theirs.ours
    assert theirs.version
    assert theirs.difference < 1e-5
    ratio = found.ratios()["numpy", "onnxruntime"]
    assert 0 < ratio.low <= ratio.median <= ratio.high


def test_the_quickest_peer_is_the_best():
    def side(name, ms, *, ours=False):
        return Side(name, ours=ours, times=None if ms is None else Timed(ms, ms, ms))

    sides = (side("us", 1.0, ours=True), side("a", 3.0), side("b", 2.0), side("c", None))
    assert Comparison(sides, Turns({})).best_peer().name == "b"


def test_differences_are_shares_of_each_outputs_largest_value():
    want = {"big": np.float32([100, 50]), "small": np.float32([0.1, 0.01])}
    near = {"big": np.float32([101, 50]), "small": np.float32([0.1, 0.01])}
    assert largest_difference(near, want) == pytest.approx(0.01)
    near = {"big": want["big"], "small": np.float32([0.1, 0.02])}
    assert largest_difference(near, want) == pytest.approx(0.1)
    zeros = {"y": np.zeros(2, np.float32)}
    assert largest_difference({"y": np.float32([0, 0.5])}, zeros) == 0.5
    assert largest_difference({"y": np.zeros(3, np.float32)}, zeros) == float("inf")
    assert largest_difference({"y": np.float32([np.nan, 0])}, zeros) == float("inf")
    assert largest_difference({"y": np.float32([np.inf, 0])}, zeros) == float("inf")
    assert largest_difference({"y": np.zeros((1, 2, 1), np.float32)}, zeros) == 0
    empty = {"y": np.zeros((0, 2), np.float32)}
    assert largest_difference(empty, empty) == 0
