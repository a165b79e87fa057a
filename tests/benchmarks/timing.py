"""Times that can be compared: everything in one process, interleaved, threads equal, medians."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles


def pin(threads: int) -> None:
    """Keep this process on so many processors; to be called before any numeric import."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one runner: median, and the 10th and 90th percentile."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def interleave(
    runners: Mapping[str, Callable[[], object]], *, rounds: int, block: int = 5
) -> tuple[dict[str, Timed], dict[str, float]]:
    """Run blocks of every runner in turn, and compare with the first round by round.

    Returns the times, and for each runner the median over the rounds of the first runner's time
    divided by its own: a drift of the machine's speed hits both sides of a ratio alike.
    """
    for run in runners.values():
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in runners}
    medians: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            spent = []
            for _ in range(block):
                start = time.perf_counter()
                run()
                spent.append((time.perf_counter() - start) * 1e3)
            times[name] += spent
            medians[name].append(median(spent))
    found = {}
    for name, values in times.items():
        tenths = quantiles(values, n=10)
        found[name] = Timed(median(values), tenths[0], tenths[-1])
    first = next(iter(runners))
    ratios = {
        name: median(a / b for a, b in zip(medians[first], medians[name], strict=True))
        for name in runners
    }
    return found, ratios
