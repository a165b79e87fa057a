"""How much work some code does, without a clock: calls of functions, counted.

A machine may be slow, and then a bound in seconds fails although nothing is wrong; one that allows
for that hides a loop that is wrong. The number of calls is the same on every machine. What loops
within one C call shows in no count: pytest's time limit for each test is there for that.

This is no test file: `conftest` loads it, and a process of its own can.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


class TooMuchWork(BaseException):
    """No `Exception`, so that a reader that turns errors into its own does not take this one."""


class Work:
    """Calls so far of functions of Python or C, and the peak of memory (bytes), if looked at."""

    calls = 0
    memory = 0


@contextmanager
def counted(most: float = float("inf"), *, memory: bool = False) -> Iterator[Work]:
    """Count what the block calls in this thread, and fail within the call that is one too many.

    With ``memory``, also trace the memory that Python and NumPy take, which is slow.
    """
    work = Work()

    def event(_frame: object, kind: str, _function: object) -> None:
        if kind in ("call", "c_call"):
            work.calls += 1
            if work.calls > most:
                sys.setprofile(None)
                msg = f"more than {most:,.0f} calls"
                raise TooMuchWork(msg)

    before = sys.getprofile()
    if memory:
        tracemalloc.start()
    sys.setprofile(event)
    try:
        yield work
    finally:
        sys.setprofile(before)
        if memory:
            work.memory = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
