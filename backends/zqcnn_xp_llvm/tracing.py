"""Running a plan step by step, with the time of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from time import thread_time
from typing import TYPE_CHECKING

from zqcnn_xp.executable import StepTime
from zqcnn_xp_llvm.planner.describe import Stage, stages

if TYPE_CHECKING:
    from zqcnn_xp.graph import Node
    from zqcnn_xp_llvm.executable import Call, LlvmExecutable

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
    steps: list[tuple[Stage, str]] = []
    runs: list[_Run] = []
    hosted: list[bool] = []
    with executable.opened(inputs) as call:
        for stage in stages(template):
            found = stage.instructions(count)
            steps.append((stage, stage.kernel(found)))
            hosted.append(stage.kind == "host")
            if stage.kind == "host":
                runs.append(partial(_on_host, call, stage.nodes))
            else:
                runs.append(call.prepared(found, count if stage.kind == "samples" else 1))
        start = call.prepared([], count)
        # Each in its place: a step that ran twice in a row would find its weights in the cache.
        rounds = [_timed(call, runs, hosted) for _ in range(1 + _ROUNDS)][1:]
        empty = median(_timed(call, [start] * _ROUNDS, [False] * _ROUNDS))
    usual = [median(column) for column in zip(*rounds, strict=True)]
    return [
        _step_time(stage, kernel, max(seconds - (0 if host else empty), _LEAST))
        for (stage, kernel), host, seconds in zip(steps, hosted, usual, strict=True)
    ]


def _step_time(stage: Stage, kernel: str, seconds: float) -> StepTime:
    nodes = tuple(node.name for node in stage.nodes)
    return StepTime(nodes, stage.name, kernel, stage.actions[-1].writes.value, seconds)


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
