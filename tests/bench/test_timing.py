"""Turns are fair, ratios are taken round by round, and a process is unpinned afterwards."""

import os
import time

import pytest

from zqcnn_xp.bench.timing import Call, Timed, Turns, pinned, take_turns, timed_block
from zqcnn_xp.errors import InputError


class Fake:
    """A side of known times that notes its turns."""

    def __init__(self, name, ms, seen):
        self.name, self.ms, self.seen = name, ms, seen

    def block(self, count, *, lead=1, clock="wall"):
        self.seen.append((self.name, count, lead, clock))
        return (self.ms,) * count


def test_every_side_leads_in_turn():
    seen = []
    sides = {name: Fake(name, 1.0, seen) for name in "abc"}
    take_turns(sides, rounds=3, settle=0)
    order = [name for name, *_ in seen[3:]]  # the first of each finds the length of a block
    assert order == list("abcbcacab")


def test_blocks_are_about_equally_long():
    seen = []
    sides = {"quick": Fake("quick", 0.1, seen), "slow": Fake("slow", 15.0, seen),
             "slower": Fake("slower", 500.0, seen)}  # fmt: skip
    turns = take_turns(sides, rounds=2, block_ms=40, most=20, settle=0, clock="cpu")
    assert {name: len(turns.rounds[name][0]) for name in sides} == {
        "quick": 20, "slow": 2, "slower": 1,
    }  # fmt: skip
    assert all(lead == 1 and clock == "cpu" for _, _, lead, clock in seen)
    assert turns.timed("slow") == Timed(15.0, 15.0, 15.0)


def test_no_sides_take_no_turns():
    assert take_turns({}, rounds=3).rounds == {}


def test_a_drift_of_the_machine_leaves_the_ratio_alone():
    slow = (1.0, 2.0, 4.0, 8.0)  # the machine slows down, and both sides with it
    turns = Turns({"a": tuple((0.5 * s,) * 3 for s in slow), "b": tuple((s,) * 3 for s in slow)})
    ratio = turns.ratio("a", "b")
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 0.5, 0.5)
    # Of all times together the same: what differs is one side's bad round.
    turns = Turns({"a": ((1.0,), (1.0,), (9.0,)), "b": ((2.0,), (2.0,), (2.0,))})
    assert turns.ratio("a", "b").median == 0.5
    assert turns.ratio("a", "b").high > 2


def test_percentiles():
    found = Timed.of([float(n) for n in range(101)])
    assert (found.low, found.median, found.high) == (10.0, 50.0, 90.0)
    assert Timed.of([3.0]) == Timed(3.0, 3.0, 3.0)
    assert str(Timed(0.12345, 0.1, 0.2)) == "0.123 (0.100-0.200)"
    assert str(Timed(12.345, 10, 20)) == "12.35 (10.00-20.00)"
    assert str(Timed(1234.5, 1000, 2000)) == "1234.5 (1000.0-2000.0)"


needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system pins no process"
)


@needs_affinity
def test_pinning_ends(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = os.sched_getaffinity(0)

    def fail():
        with pinned(1) as held:
            assert held
            assert len(os.sched_getaffinity(0)) == 1
            assert os.sched_getaffinity(0) <= before
            assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert os.sched_getaffinity(0) == before
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@needs_affinity
def test_more_threads_than_processors_are_refused():
    count = len(os.sched_getaffinity(0))
    with (
        pytest.raises(InputError, match=f"found {count + 1} threads, expected at most {count}"),
        pinned(count + 1),
    ):
        pass


def test_a_system_without_pinning_says_so(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with pinned(1) as held:
        assert not held


def test_calls_that_lead_do_not_count():
    seen = []
    assert len(timed_block(lambda: seen.append(1), 3, lead=2)) == 3
    assert len(seen) == 5


def test_the_cpu_clock_does_not_count_waiting():
    wall = Call(lambda: time.sleep(0.01)).block(2)
    cpu = Call(lambda: time.sleep(0.01)).block(2, clock="cpu")
    assert min(wall) > 9.9
    assert sum(cpu) < sum(wall)
