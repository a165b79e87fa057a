"""How many threads BLAS may use while one of our networks runs.

BLAS splits every product over all processors. The products of small networks take microseconds:
splitting them gains nothing on an idle machine, and on a busy one each product waits for a thread
that the system has put aside. Measured with two threads on two processors, one of them half busy:
MobileFaceNet 380 ms instead of 9. So small networks run with one thread, and large ones with as
many as this process may use, unless several calls run at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from zqcnn_xp.backend import Backend
from zqcnn_xp.executable import Walk
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense

__all__ = ["BlasThreads", "NumpyWalk", "calls_running", "one_thread"]

# Multiply-adds of an average product from which a second thread pays: LResNet34E-IR, with 120
# million, gains a third; MTCNN's O network in batches, with 17 million, nothing.
LARGE = 50_000_000


class BlasThreads:
    """Count the calls that run, and keep BLAS to one thread where that is better.

    The threads of BLAS belong to the process, and so does the one instance of this class. The
    number that was set before is set again when no call runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._limit = 0
        self._pools: list[Any] | None = None
        self._before: list[int] = []

    @contextmanager
    def call(self, limit: int, *, exactly: bool = False) -> Iterator[None]:
        """Hold BLAS to ``limit`` threads while a network runs, or to one if several run.

        A lower number that somebody has set already stays, unless this one is wanted ``exactly``.
        """
        with self._lock:
            if self._running == 0:
                self._before = [pool.num_threads for pool in self._found()]
                self._hold(limit, exactly)
            elif self._limit > 1:
                self._hold(1)
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._set(self._before)

    @property
    def running(self) -> int:
        """How many calls run now."""
        return self._running

    def _hold(self, limit: int, exactly: bool = False) -> None:
        self._limit = limit
        self._set([limit if exactly else min(before, limit) for before in self._before])

    def _set(self, numbers: list[int]) -> None:
        for pool, number in zip(self._found(), numbers, strict=True):
            # Asking takes a microsecond, setting many: small networks feel it.
            if pool.num_threads == number:
                continue
            # threadpoolctl lets one thread alone set these, whoever was first; ours take turns
            # under a lock of their own.
            clear = getattr(pool, "clear_controlling_thread", None)
            if clear is not None:
                clear(force=True)
            pool.set_num_threads(number)
            if clear is not None:
                clear(force=True)

    def _found(self) -> list[Any]:
        if self._pools is None:
            from threadpoolctl import ThreadpoolController

            pools = ThreadpoolController().select(user_api="blas").lib_controllers
            self._pools = [pool for pool in pools if pool.num_threads]
        return self._pools


# One for the process, as BLAS has one pool of threads for the process.
_threads = BlasThreads()


def one_thread() -> AbstractContextManager[None]:
    """Hold BLAS to one thread, while threads of our own share the work."""
    return _threads.call(1)


def calls_running() -> int:
    """Return how many calls of networks run in this process, that of the caller included."""
    return _threads.running


class NumpyWalk(Walk):
    """The walk over the nodes, with as many threads as the network is worth."""

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        backend: Backend,
        weights: Mapping[str, Weights],
    ) -> None:
        super().__init__(graph, shapes, backend, weights)
        products = [node for node in graph.nodes if isinstance(node.op, Conv2D | Dense)]
        self.cost = sum(
            node.op.muladds(*(self.shapes[v] for v in node.inputs)) for node in products
        )
        large = self.cost >= LARGE * max(len(products), 1)
        self.threads = (backend.threads or 1) if large else 1
        # BLAS may have been started with OMP_NUM_THREADS, which a number of our own replaces.
        self._asked = large and backend.thread_setting.asked

    def run(self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]) -> dict[str, Array]:
        """Run with weights given as arguments."""
        with _threads.call(self.threads, exactly=self._asked):
            return self.run_held(inputs, weights)

    def run_held(
        self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]
    ) -> dict[str, Array]:
        """Run while BLAS is held to the right number of threads."""
        return super().run(inputs, weights)
