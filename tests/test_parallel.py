"""Work on threads: results in order, settings that hold there, errors where they belong."""

from __future__ import annotations

import threading
import time

import pytest

from zqcnn_xp.config import using
from zqcnn_xp.parallel import in_order
from zqcnn_xp.threads import thread_count


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    def slowly(number):
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(in_order(slowly, range(20), threads)) == [n * n for n in range(20)]
    assert list(in_order(slowly, [], threads)) == []


def test_they_run_at_the_same_time():
    both = threading.Barrier(2, timeout=120)
    assert len(list(in_order(lambda _: both.wait(), range(4), 2))) == 4


@pytest.mark.parametrize("threads", [1, 3])
def test_it_does_not_run_ahead(threads):
    begun = []
    results = in_order(begun.append, range(100), threads)
    next(results)
    assert len(begun) <= threads + 1
    results.close()
    time.sleep(0.02)
    assert len(begun) <= threads + 1


@pytest.mark.parametrize("threads", [1, 3])
def test_settings_hold_on_the_threads(threads):
    with using(threads=7):
        assert list(in_order(lambda _: thread_count(), range(4), threads)) == [7] * 4


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_in_its_turn(threads):
    begun = []

    def fail(number):
        begun.append(number)
        if number == 2:
            raise ValueError(number)
        return number

    results = in_order(fail, range(50), threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(results)
    assert max(begun) <= 2 + threads
