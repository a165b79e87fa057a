"""Running a plan step by step, with the time of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from time import thread_time
from typing import TYPE_CHECKING

from zqcnn_xp.executable import StepTime
from zqcnn_xp_llvm.planner.describe import describe

if TYPE_CHECKING:
    from zqcnn_xp.graph import Node
    from zqcnn_xp_llvm.executable import Call, LlvmExecutable
    from zqcnn_xp_llvm.planner.template import Action

__all__ = ["step_times"]

_ROUNDS = 9
# Seconds of a step that is quicker than the clock can tell.
_LEAST = 1e-9

_Run = Callable[[], None]


def step_times(executable: LlvmExecutable, inputs: Mapping[str, object]) -> list[StepTime]:
    """Return the time of every step of one call, alone in this thread.

    What it takes to start a step from Python is measured too, and taken off: a call starts its
    steps from compiled code.
    """
    template, count = executable.template, executable.program.count
    steps: list[tuple[Action, str]] = []
    runs: list[_Run] = []
    hosted: list[bool] = []
    with executable.opened(inputs) as call:
        for phase, actions in zip(template.phases, template.actions, strict=True):
            for action in actions:
                host = phase.kind == "host"
                if host:
                    nodes = () if action.step is None else action.step.nodes
                    runs.append(partial(_on_host, call, nodes))
                    steps.append((action, "host"))
                else:
                    found = template.lower(action, count)
                    runs.append(call.prepared(found, count if phase.kind == "samples" else 1))
                    steps.append((action, describe([i.kernel for i in found])))
                hosted.append(host)
        start = call.prepared([], count)
        # Each in its place: a step that ran twice in a row would find its weights in the cache.
        rounds = [_timed(call, runs, hosted) for _ in range(1 + _ROUNDS)][1:]
        empty = median(_timed(call, [start] * _ROUNDS, [False] * _ROUNDS))
    usual = [median(column) for column in zip(*rounds, strict=True)]
    return [
        _step_time(action, kernel, max(seconds - (0 if host else empty), _LEAST))
        for (action, kernel), host, seconds in zip(steps, hosted, usual, strict=True)
    ]


def _step_time(action: Action, kernel: str, seconds: float) -> StepTime:
    value = action.writes.value
    if action.step is None:
        return StepTime((), f"copy of {value}", kernel, value, seconds)
    nodes = tuple(node.name for node in action.step.nodes)
    return StepTime(nodes, action.step.name, kernel, value, seconds)


def _on_host(call: Call, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        call.host(node)


def _timed(call: Call, runs: list[_Run], hosted: list[bool]) -> list[float]:
    times = []
    for run, host in zip(runs, hosted, strict=True):
        start = thread_time()
        run()
        times.append(thread_time() - start)
        if host:
            call.place()  # the host has made new arrays
    return times
