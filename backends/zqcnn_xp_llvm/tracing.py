"""Running a plan step by step, with the time of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
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
    rows: list[StepTime] = []
    with executable.opened(inputs) as call:
        for k, (phase, actions) in enumerate(zip(template.phases, template.actions, strict=True)):
            for action in actions:
                step = action.step
                nodes = () if step is None else tuple(node.name for node in step.nodes)
                name = f"copy of {action.writes.value}" if step is None else step.name
                if phase.kind == "host":
                    seconds = _least(partial(_on_host, call, () if step is None else step.nodes))
                    rows.append(StepTime(nodes, name, "host", seconds))
                    continue
                found = template.lower(action, count)
                repeats = count if phase.kind == "samples" else 1
                run = call.prepared(found, repeats)
                rows.append(StepTime(nodes, name, describe([i.kernel for i in found]), _least(run)))
            del k
    return rows


def _on_host(call: Call, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        call.host(node)


def _least(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)
