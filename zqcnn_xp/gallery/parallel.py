"""Pieces of work done by several threads, whose results come in the order of the pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], threads: int
) -> Iterator[Result]:
    """Yield ``work(piece)`` of each piece; a few pieces are ahead of the one that is yielded.

    Parameters
    ----------
    work
        Called from several threads at once; such work that leaves Python's lock gains by it.
    pieces
        Taken one by one, in the thread of the caller.
    threads
        1 works in the caller's thread, when the next result is asked for.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3], 2))
    [1, 2, 3]
    """
    if threads < 2:
        yield from map(work, pieces)
        return
    with ThreadPoolExecutor(threads, "zqcnn-xp-scan") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                # Bounded: results may be large, and a consumer slow.
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
