"""Threads that help a call: one pool for the process, as processors belong to the process.

A helper that the system wakes late finds nothing left to claim and goes back to sleep, so a busy
machine costs the help, never more. While one call has the helpers, other calls run alone: more
threads than processors would only wait for each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from itertools import count
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Workers", "claimed", "shared_workers"]

Task = Callable[[int], Any]
Out = TypeVar("Out")


class Workers:
    """Helper threads, started when they are first needed."""

    def __init__(self) -> None:
        self._queues: list[SimpleQueue[Task]] = []
        self._taken = threading.Lock()

    def run(self, task: Task, threads: int) -> None:
        """Call ``task(0)`` here and, where helpers are free, ``task(1)`` and so on in them.

        Returns when ``task(0)`` does; tasks must be such that this one ends only when the work of
        all is done, and must keep alive what a late helper looks at.
        """
        if threads < 2 or not self._taken.acquire(blocking=False):
            task(0)
            return
        try:
            while len(self._queues) < threads - 1:
                self._start(len(self._queues) + 1)
            for queue in self._queues[: threads - 1]:
                queue.put(task)
            task(0)
        finally:
            self._taken.release()

    def _start(self, number: int) -> None:
        queue: SimpleQueue[Task] = SimpleQueue()

        def work() -> None:
            while True:
                task = queue.get()
                task(number)
                del task

        # Daemons: they hold nothing that has to be put in order when the process ends.
        threading.Thread(target=work, name=f"zqcnn-xp-{number}", daemon=True).start()
        self._queues.append(queue)


@cache
def shared_workers(process: int) -> Workers:
    """Return the helpers of a process; a forked child gets its own."""
    return Workers()


def claimed(work: Callable[[int], Out], pieces: int, threads: int) -> list[Out]:
    """Return ``[work(0), work(1), ...]``; this thread and helpers claim piece after piece.

    For work that leaves Python for most of its time. What it raises is raised here, when no piece
    runs any more.

    Examples
    --------
    >>> claimed(lambda piece: piece * piece, 4, threads=2)
    [0, 1, 4, 9]
    """
    results: dict[int, Out] = {}
    errors: list[BaseException] = []
    # A late helper finds the counter past its end.
    claims, left, ended = count(), pieces, threading.Event()
    lock = threading.Lock()

    def task(number: int) -> None:
        nonlocal left
        while (piece := next(claims)) < pieces:
            try:
                results[piece] = work(piece)
            except BaseException as error:
                errors.append(error)
            with lock:
                left -= 1
                if left == 0:
                    ended.set()
        if number == 0 and pieces:
            ended.wait()

    shared_workers(os.getpid()).run(task, threads)
    if errors:
        raise errors[0]
    return [results[piece] for piece in range(pieces)]
