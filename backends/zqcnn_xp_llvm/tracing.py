"""Running a plan step by step, with the time of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import thread_time as perf_counter
from typing import TYPE_CHECKING

from zqcnn_xp_llvm.planner.describe import describe

if TYPE_CHECKING:
    from zqcnn_xp.graph import Node
    from zqcnn_xp_llvm.executable import Call, LlvmExecutable

__all__ = ["StepTime", "step_times"]

_ROUNDS = 5


@dataclass(frozen=True)
class StepTime:
    """One step of a plan: the nodes it stands for, what ran, and its time.

    Parameters
    ----------
    nodes
        Names of nodes; empty for a copy between layouts.
    name
        Their names in one, or the value that is copied.
    kernel
        In words.
    seconds
        Least of several runs, over the whole batch.
    """

    nodes: tuple[str, ...]
    name: str
    kernel: str
    seconds: float


def step_times(executable: LlvmExecutable, inputs: Mapping[str, object]) -> list[StepTime]:
    """Return the time of every step of one call."""
    template, count = executable.template, executable.program.count
    rows: list[tuple[tuple[str, ...], str, str]] = []
    runs: list[Callable[[], None]] = []
    with executable.opened(inputs) as call:
        for phase, actions in zip(template.phases, template.actions, strict=True):
            for action in actions:
                step = action.step
                nodes = () if step is None else step.nodes
                run: Callable[[], None]
                name = f"copy of {action.writes.value}" if step is None else step.name
                if phase.kind == "host":
                    what, run = "host", partial(_on_host, call, nodes)
                else:
                    found = template.lower(action, count)
                    what = describe([i.kernel for i in found])
                    run = call.prepared(found, count if phase.kind == "samples" else 1)
                rows.append((tuple(node.name for node in nodes), name, what))
                runs.append(run)
        # Each in its place: a step that ran twice in a row would find its weights in the cache.
        times = [_timed(runs) for _ in range(1 + _ROUNDS)][1:]
    least = [min(column) for column in zip(*times, strict=True)]
    return [StepTime(*row, seconds) for row, seconds in zip(rows, least, strict=True)]


def _on_host(call: Call, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        call.host(node)


def _timed(runs: list[Callable[[], None]]) -> list[float]:
    times = []
    for run in runs:
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return times
