"""Running a plan step by step, with the time of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import thread_time
from typing import TYPE_CHECKING

from zqcnn_xp.executable import StepTime
from zqcnn_xp_llvm.planner.describe import Stage, stages

if TYPE_CHECKING:
    from zqcnn_xp.graph import Node
    from zqcnn_xp_llvm.executable import Call, LlvmExecutable

__all__ = ["Stepped", "step_times", "stepped"]

_ROUNDS = 9
# Seconds of a step that is quicker than the clock can tell.
_LEAST = 1e-9

_Run = Callable[[], None]


def step_times(executable: LlvmExecutable, inputs: Mapping[str, object]) -> list[StepTime]:
    """Return the time of every step of one call, alone in this thread.

    What it takes to start a step from Python is measured too, and taken off: a call starts its
    steps from compiled code.
    """
    with executable.opened(inputs) as call:
        steps = stepped(executable, call)
        # Each in its place: a step that ran twice in a row would find its weights in the cache.
        rounds = [steps.times() for _ in range(1 + _ROUNDS)][1:]
        start = call.prepared([], executable.program.count)
        empty = median(_timed(call, [start] * _ROUNDS, [False] * _ROUNDS, thread_time))
    usual = [median(column) for column in zip(*rounds, strict=True)]
    return [
        _step_time(stage, kernel, max(seconds - (0 if host else empty), _LEAST))
        for stage, kernel, host, seconds in zip(
            steps.stages, steps.kernels, steps.hosted, usual, strict=True
        )
    ]


@dataclass
class Stepped:
    """A call that runs stage by stage.

    Parameters
    ----------
    call
        The call.
    stages, kernels
        What runs, and in words.
    runs, hosted
        What runs each stage, and whether the host does.
    """

    call: Call
    stages: list[Stage] = field(default_factory=list)
    kernels: list[str] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)
    hosted: list[bool] = field(default_factory=list)

    def times(self, timer: Callable[[], float] | None = None) -> list[float]:
        """Run once; return the time of each stage."""
        return _timed(self.call, self.runs, self.hosted, timer or thread_time)


def stepped(executable: LlvmExecutable, call: Call) -> Stepped:
    """Make a call's stages ready to run one by one."""
    count, made = executable.program.count, Stepped(call)
    for stage in stages(executable.template):
        found = stage.instructions(count)
        made.stages.append(stage)
        made.kernels.append(stage.kernel(found))
        made.hosted.append(stage.kind == "host")
        if stage.kind == "host":
            made.runs.append(partial(_on_host, call, stage.nodes))
        else:
            made.runs.append(call.prepared(found, count if stage.kind == "samples" else 1))
    return made


def _step_time(stage: Stage, kernel: str, seconds: float) -> StepTime:
    nodes = tuple(node.name for node in stage.nodes)
    return StepTime(nodes, stage.name, kernel, stage.actions[-1].writes.value, seconds)


def _on_host(call: Call, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        call.host(node)


def _timed(
    call: Call, runs: list[_Run], hosted: list[bool], timer: Callable[[], float]
) -> list[float]:
    times = []
    for run, host in zip(runs, hosted, strict=True):
        start = timer()
        run()
        times.append(timer() - start)
        if host:
            call.place()  # the host has made new arrays
    return times
