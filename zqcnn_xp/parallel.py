"""The same work on many things, on threads, with results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["in_order"]

In = TypeVar("In")
Out = TypeVar("Out")


def in_order(function: Callable[[In], Out], items: Iterable[In], threads: int = 1) -> Iterator[Out]:
    """Yield ``function(item)`` of each item in order, on so many threads, never far ahead.

    Parameters
    ----------
    function
        Called on a thread, in the caller's context (settings count there as here). What it raises
        is raised where its result would have been yielded; what was not begun then never is.
    items
        Taken one by one, as threads become free.
    threads
        1 calls on this thread.

    Examples
    --------
    >>> list(in_order(abs, [-1, -2, -3], threads=2))
    [1, 2, 3]
    """
    if threads == 1:
        yield from map(function, items)
        return
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor
    from contextvars import copy_context

    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                # A thread does not inherit the context, which holds the settings.
                waiting.append(pool.submit(copy_context().run, function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
