"""Work on several threads whose results come in order."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from zqcnn_xp.gallery.parallel import in_order


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_order(threads: int) -> None:
    def slow(piece: int) -> int:
        time.sleep(0.001 * (piece % 3))
        return piece

    assert list(in_order(slow, range(30), threads)) == list(range(30))


def test_several_threads_work() -> None:
    both = threading.Barrier(2, timeout=10)
    list(in_order(lambda _: both.wait(), range(4), 2))


def test_pieces_are_taken_as_they_are_needed() -> None:
    taken = itertools.count()
    results = in_order(abs, taken, 2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    results.close()
    assert next(taken) < 12


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_reaches_the_caller(threads: int) -> None:
    def bad(piece: int) -> int:
        return 1 // (3 - piece)

    results = in_order(bad, range(100), threads)
    with pytest.raises(ZeroDivisionError):
        list(results)
