"""Helper threads: they share a task, one call at a time, and never hold one up."""

from __future__ import annotations

import threading
import time

import pytest

from zqcnn_xp_llvm.workers import Workers, claimed, shared_workers


def test_a_task_runs_in_as_many_threads_as_asked_for():
    workers = Workers()
    for threads in (1, 2, 4, 3):
        seen, all_there = set(), threading.Barrier(threads, timeout=120)

        def task(number, seen=seen, all_there=all_there):
            seen.add((number, threading.get_ident()))
            all_there.wait()

        workers.run(task, threads)
        assert {number for number, _ in seen} == set(range(threads))
        assert (0, threading.get_ident()) in seen
        assert len({thread for _, thread in seen}) == threads


def test_other_calls_run_alone_meanwhile():
    workers = Workers()
    inside, go_on = threading.Event(), threading.Event()

    def slow(number):
        if number == 0:
            inside.set()
            assert go_on.wait(120)

    first = threading.Thread(target=workers.run, args=(slow, 2))
    first.start()
    assert inside.wait(120)
    seen = []
    workers.run(seen.append, 4)
    assert seen == [0]
    go_on.set()
    first.join(120)
    assert not first.is_alive()


def test_an_error_lets_the_helpers_go():
    workers = Workers()

    def wrong(number):
        if number == 0:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        workers.run(wrong, 2)
    seen, end = set(), time.monotonic() + 120
    workers.run(seen.add, 2)
    while len(seen) < 2 and time.monotonic() < end:
        time.sleep(0.001)
    assert seen == {0, 1}


def test_a_process_has_one_pool():
    assert shared_workers(1) is shared_workers(1)
    assert shared_workers(1) is not shared_workers(2)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pieces", [0, 1, 7, 100])
def test_pieces_are_claimed_once_and_come_in_order(pieces, threads):
    calls = []

    def work(piece):
        calls.append(piece)
        return -piece

    assert claimed(work, pieces, threads) == [-piece for piece in range(pieces)]
    assert sorted(calls) == list(range(pieces))


def test_what_a_piece_raises_is_raised_when_none_runs_any_more():
    running = []

    def work(piece):
        running.append(piece)
        time.sleep(0.01)
        running.remove(piece)
        if piece == 3:
            raise ValueError("piece 3")

    with pytest.raises(ValueError, match="piece 3"):
        claimed(work, 8, 4)
    assert running == []
    assert claimed(str, 2, 4) == ["0", "1"]
