"""Times that can be compared: sides in turns, threads equal and pinned, medians and ratios."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Protocol

from zqcnn_xp.errors import InputError

__all__ = ["CLOCKS", "Blocks", "Call", "Timed", "Turns", "pinned", "take_turns", "timed_block"]

# Libraries read these when they start their threads.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Long enough for another side's idle threads to stop spinning (ncnn's do so for 20 ms).
_SETTLE = 0.03


@contextmanager
def pinned(threads: int) -> Iterator[bool]:
    """Keep this thread, and what it starts, on so many processors; yield whether that held.

    To be entered before array libraries are imported: they count processors once.

    Raises
    ------
    InputError
        If this process may not use so many processors: the sides would share some.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    if threads > len(before):
        msg = f"found {threads} threads, expected at most {len(before)}: the processors at hand"
        raise InputError(msg)
    kept = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    # From the end: processor 0 also serves interrupts.
    os.sched_setaffinity(0, sorted(before)[-threads:])
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield True
    finally:
        os.sched_setaffinity(0, before)
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class Timed:
    """A number that was taken several times: the median, the 10th and the 90th percentile.

    Milliseconds, or a ratio of them.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Timed:
        """Summarise one or more values.

        Examples
        --------
        >>> Timed.of([1.0, 2.0, 6.0]).median
        2.0
        """
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        tenths = quantiles(values, n=10, method="inclusive")
        return cls(median(values), tenths[0], tenths[-1])

    def __str__(self) -> str:
        digits = 1 if self.median >= 100 else 2 if self.median >= 1 else 3
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Seconds: those that pass, and those that this process spends on processors."""


def timed_block(
    run: Callable[[], object], count: int, *, lead: int = 1, clock: str = "wall"
) -> tuple[float, ...]:
    """Run ``lead`` calls and then ``count``; milliseconds of each of the latter.

    Examples
    --------
    >>> len(timed_block(list, 3))
    3
    """
    now = CLOCKS[clock]
    for _ in range(lead):
        run()
    marks = [now()]
    for _ in range(count):
        run()
        marks.append(now())
    return tuple((after - before) * 1e3 for before, after in pairwise(marks))


class Blocks(Protocol):
    """What takes turns."""

    def block(self, count: int, *, lead: int = 1, clock: str = "wall") -> tuple[float, ...]:
        """Run ``lead`` calls and then ``count``; milliseconds of each of the latter."""


@dataclass(frozen=True)
class Call:
    """A function of this process that takes turns."""

    run: Callable[[], object]

    def block(self, count: int, *, lead: int = 1, clock: str = "wall") -> tuple[float, ...]:
        """Run a block, see `timed_block`."""
        return timed_block(self.run, count, lead=lead, clock=clock)


@dataclass(frozen=True)
class Turns:
    """Milliseconds of every call, by side and round."""

    rounds: Mapping[str, tuple[tuple[float, ...], ...]]

    def timed(self, name: str) -> Timed:
        """Summarise all calls of one side."""
        return Timed.of([value for block in self.rounds[name] for value in block])

    def ratio(self, name: str, other: str) -> Timed:
        """Return the time of ``name`` divided by that of ``other``, round by round.

        A drift of the machine's speed hits both sides of a round alike.

        Examples
        --------
        >>> turns = Turns({"a": ((1.0, 1.0), (2.0, 2.0)), "b": ((2.0, 2.0), (4.0, 4.0))})
        >>> turns.ratio("a", "b").median
        0.5
        """
        pairs = zip(self.rounds[name], self.rounds[other], strict=True)
        return Timed.of([median(one) / median(two) for one, two in pairs])


def take_turns(
    sides: Mapping[str, Blocks],
    *,
    rounds: int,
    block_ms: float = 40.0,
    most: int = 20,
    clock: str = "wall",
    settle: float = _SETTLE,
) -> Turns:
    """Run blocks of every side in turn.

    Each block starts with a pause and a call that does not count, after which caches and thread
    pools are the side's own. The order turns by one from round to round.

    Parameters
    ----------
    sides
        By name.
    rounds
        How often each gets a turn, 1 or more.
    block_ms
        Length of a block in milliseconds; at least one call, at most ``most``.
    most
        Calls of a block.
    clock
        ``"wall"``, or ``"cpu"`` for the processor time of the side's process: with one thread
        that is the same on an idle machine, and holds on a busy one.
    settle
        The pause, in seconds.
    """
    counts = {
        name: int(min(max(block_ms / max(*side.block(2, clock=clock), 1e-3), 1), most))
        for name, side in sides.items()
    }
    order = list(sides)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in sides}
    for turn in range(rounds):
        first = turn % max(len(order), 1)
        for name in order[first:] + order[:first]:
            time.sleep(settle)
            found[name].append(sides[name].block(counts[name], clock=clock))
    return Turns({name: tuple(blocks) for name, blocks in found.items()})
