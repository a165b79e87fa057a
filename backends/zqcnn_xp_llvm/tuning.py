"""Choosing by measuring: where the planner's cost rule is wrong by more than a little.

Whole plans run in turns, so that a busy moment of the machine hits all of them, and what a step
takes is measured in its place within its plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from zqcnn_xp_llvm.choices import SIDES, Choices
from zqcnn_xp_llvm.planner.assign import transform_of
from zqcnn_xp_llvm.planner.steps import ConvStep
from zqcnn_xp_llvm.planner.winograd import can_transform
from zqcnn_xp_llvm.tracing import stepped

if TYPE_CHECKING:
    from zqcnn_xp_llvm.executable import LlvmExecutable

__all__ = ["GAIN", "Meter", "tune"]

GAIN = 0.95
"""A choice is overruled where another takes at most this part of its time."""

# Part of the whole time that other transforms must at most take together.
_WORTH = 0.98
# Seconds that tuning a graph at a size may take before nothing more is begun.
LIMIT = 2.0
# Runs of each plan that are compared; the least before time is up.
_ROUNDS, _LEAST_ROUNDS = 9, 3
# Largest difference between two plans' results, relative to the largest of them or to 1.
_TOLERANCE = 1e-4

Make = Callable[[Choices], "LlvmExecutable"]
Outputs = Mapping[str, Any]
_Unit = frozenset[str]


class Meter:
    """Runs plans on one input and compares their times.

    Parameters
    ----------
    inputs
        Stored arrays by name.
    timer
        Tells the time; the thread's own, where one thread does all the work, does not count what
        others take.
    limit
        Seconds after which nothing more is begun.
    """

    def __init__(
        self,
        inputs: Mapping[str, Any],
        timer: Callable[[], float] = perf_counter,
        *,
        limit: float = LIMIT,
    ) -> None:
        self.inputs = inputs
        self.timer = timer
        self.end = timer() + limit

    @property
    def over(self) -> bool:
        """Whether time is up."""
        return self.timer() >= self.end

    def ratio(self, other: LlvmExecutable, best: LlvmExecutable) -> float:
        """Return the usual time of one plan in units of the other's."""
        rounds = self._rounds(lambda: [self._seconds(other), self._seconds(best)])
        first, second = (median(column) for column in zip(*rounds, strict=True))
        return first / second if second > 0 else 1.0

    def steps(self, plans: list[LlvmExecutable]) -> list[dict[_Unit, float]]:
        """Return the usual time of each plan's steps, by the names of their nodes.

        A copy counts to the step behind it, which wants it.
        """
        with ExitStack() as stack:
            calls = [stack.enter_context(plan.opened(self.inputs)) for plan in plans]
            made = [stepped(plan, call) for plan, call in zip(plans, calls, strict=True)]
            rounds = self._rounds(lambda: [one.times(self.timer) for one in made])
        found = []
        for k, one in enumerate(made):
            times = [median(column) for column in zip(*(r[k] for r in rounds), strict=True)]
            units: dict[_Unit, float] = {}
            before = 0.0
            for stage, seconds in zip(one.stages, times, strict=True):
                before += seconds
                if stage.nodes:
                    units[frozenset(node.name for node in stage.nodes)] = before
                    before = 0.0
            found.append(units)
        return found

    def _seconds(self, plan: LlvmExecutable) -> float:
        start = self.timer()
        plan(self.inputs)
        return self.timer() - start

    def _rounds(self, run: Callable[[], list[Any]]) -> list[list[Any]]:
        run()  # caches, pages, threads
        found: list[list[Any]] = []
        while len(found) < _ROUNDS and (len(found) < _LEAST_ROUNDS or not self.over):
            found.append(run())
        return found


def tune(make: Make, meter: Meter, *, widths: tuple[int, ...] = ()) -> tuple[Choices, bool]:
    """Return the best choices for a graph at a size, and whether all were tried.

    Parameters
    ----------
    make
        Compiles the graph under some choices.
    meter
        Compares plans.
    widths
        Vectors to try beside the backend's, in bits.
    """
    best = make(Choices())
    choices, finished = Choices(), True
    wanted = best(meter.inputs)
    for width in widths:
        if meter.over:
            return choices, False
        other = make(Choices(width))
        if _same(other(meter.inputs), wanted) and meter.ratio(other, best) <= GAIN:
            best, choices = other, Choices(width)
    table, finished = _transforms(make, meter, best, choices)
    if table:
        tuned = make(replace(choices, transforms=table))
        if _same(tuned(meter.inputs), wanted) and meter.ratio(tuned, best) <= _WORTH:
            choices = replace(choices, transforms=table)
    return choices, finished


def _transforms(
    make: Make, meter: Meter, best: LlvmExecutable, choices: Choices
) -> tuple[dict[str, int], bool]:
    """Return the convolutions that another transform makes faster, and whether all were tried."""
    steps = {
        step.name: frozenset(node.name for node in step.nodes)
        for phase in best.template.phases
        for step in phase.steps
        if isinstance(step, ConvStep) and can_transform(step)
    }
    if not steps or best.template.pool.exact:
        return {}, True
    plans: dict[int, LlvmExecutable] = {}
    for m in SIDES:
        if meter.over:
            return {}, False
        plans[m] = make(replace(choices, transforms=dict.fromkeys(steps, m)))
    rule, *others = meter.steps([best, *plans.values()])
    taken = _sides(best)
    table: dict[str, int] = {}
    for unit, usual in rule.items():
        inside = [name for name, nodes in steps.items() if nodes <= unit]
        # Plans that take these nodes together in another way cannot be compared step by step.
        times = {m: found[unit] for m, found in zip(plans, others, strict=True) if unit in found}
        if not inside or not times:
            continue
        m = min(times, key=lambda m: times[m])
        if times[m] <= GAIN * usual:
            other = _sides(plans[m])
            table |= {name: m for name in inside if other[name] != taken[name]}
    return table, True


def _sides(plan: LlvmExecutable) -> dict[str, int]:
    """Return the side of the tiles that each convolution's step is computed with."""
    template, found = plan.template, {}
    for action in (action for actions in template.actions for action in actions):
        step = action.step
        if isinstance(step, ConvStep):
            m, _ = transform_of(template.pool, step, template.shapes[step.reads[0]])
            found[step.name] = m if action.writes.layout.kind == "blocks" else 0
    return found


def _same(found: Outputs, wanted: Outputs) -> bool:
    """Whether two plans' results differ by rounding alone."""
    for name, want in wanted.items():
        y = np.asarray(found[name])
        finite = np.isfinite(want)
        if not np.array_equal(y[~finite], want[~finite], equal_nan=True):
            return False
        error = np.max(np.abs(y[finite] - want[finite]), initial=0.0)
        if not error <= _TOLERANCE * np.max(np.abs(want[finite]), initial=1.0):
            return False
    return True
