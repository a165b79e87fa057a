"""BLAS threads: one for small networks or many calls, and as before when nothing runs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from zqcnn_xp import get_backend
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Conv2D
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.blas import BlasThreads, NumpyWalk

POOLS = ThreadpoolController().select(user_api="blas")
pytestmark = pytest.mark.skipif(not POOLS.info(), reason="NumPy's BLAS is none that can be asked")


def threads():
    return {pool["num_threads"] for pool in ThreadpoolController().select(user_api="blas").info()}


@pytest.fixture(autouse=True)
def three():
    """A number that neither one nor this machine would give."""
    with threadpool_limits(3, user_api="blas"):
        if threads() != {3}:
            pytest.skip("this BLAS does not take a number of threads")
        yield


def test_one_call_and_back():
    pool = BlasThreads()
    with pool.call(1):
        assert threads() == {1}
    assert threads() == {3}
    with pool.call(2):
        assert threads() == {2}
    assert threads() == {3}


def test_calls_that_meet_share_one_thread_each():
    pool = BlasThreads()
    with pool.call(2):
        with pool.call(2):
            assert threads() == {1}
        # It stays so until the last one is done: a change in between would help nobody.
        assert threads() == {1}
    assert threads() == {3}


def test_a_lower_number_stays():
    pool = BlasThreads()
    with threadpool_limits(1, user_api="blas"), pool.call(2):
        assert threads() == {1}
    assert threads() == {3}


def test_a_number_that_was_asked_for_replaces_a_lower_one():
    pool = BlasThreads()
    with threadpool_limits(1, user_api="blas"):
        with pool.call(2, exactly=True):
            assert threads() == {2}
            with pool.call(2, exactly=True):
                assert threads() == {1}
        assert threads() == {1}
    assert threads() == {3}


def test_an_error_gives_the_threads_back():
    pool = BlasThreads()
    with pytest.raises(ZeroDivisionError), pool.call(1):
        raise ZeroDivisionError
    assert threads() == {3}


def test_many_threads_leave_things_as_they_were():
    pool = BlasThreads()
    seen = set()

    def work():
        for _ in range(50):
            with pool.call(1):
                seen.update(threads())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == {1}
    assert threads() == {3}


def network(channels):
    op = Conv2D(channels, (3, 3), bias=False)
    weights = {"weight": np.zeros((3, 3, channels, channels), np.float32)}
    node = Node("c", op, ("x",), ("y",), weights)
    return Graph((GraphInput("x", (None, channels, None, None)),), (node,), ("y",))


@pytest.mark.parametrize("asked", [True, False])
def test_the_setting_reaches_blas(monkeypatch, asked):
    # As where the environment has OMP_NUM_THREADS=1, which BLAS has read when it was loaded.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("ZQCNN_XP_THREADS", raising=False)
    seen = set()

    class Spy(NumpyBackend):
        def kernel(self, op, *shapes):
            return lambda w, *xs: (seen.update(threads()), op.forward(np, w, *xs))[1]

        def prepare(self, op, weights):
            return dict(weights)

    spy = Spy(threads=2 if asked else None)
    x = np.zeros((1, 58, 58, 128), np.float32)
    with threadpool_limits(1, user_api="blas"):
        spy.compile(network(128), {"x": (1, 128, 58, 58)})({"x": x})
        assert threads() == {1}
    assert seen == ({2} if asked else {1})


@pytest.mark.parametrize(("channels", "large"), [(8, False), (128, True)])
def test_the_size_of_a_network_decides(channels, large, monkeypatch):
    backend = get_backend("numpy")
    monkeypatch.setattr(type(backend), "threads", 2)
    run = backend.compile(network(channels), {"x": (1, channels, 58, 58)})
    assert isinstance(run, NumpyWalk)
    assert run.threads == (2 if large else 1)
    x = np.zeros((1, 58, 58, channels), np.float32)
    assert run({"x": x})["y"].shape == (1, 56, 56, channels)
    assert threads() == {3}
