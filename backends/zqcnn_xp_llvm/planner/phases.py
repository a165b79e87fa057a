"""The order of steps: as few changes as possible between samples, whole batches and the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zqcnn_xp_llvm.planner.steps import DenseStep, HostStep, Step

__all__ = ["Phase", "make_phases"]


@dataclass(frozen=True, eq=False)
class Phase:
    """Steps that run one after the other, for each sample, or for all samples at once.

    Parameters
    ----------
    kind
        ``"samples"``: every sample by itself. ``"batch"``: matrix products over all samples.
        ``"host"``: references of ops, on arrays.
    steps
        In their order.
    """

    kind: Literal["samples", "batch", "host"]
    steps: tuple[Step, ...]


def _kind(step: Step) -> Literal["samples", "batch", "host"]:
    if isinstance(step, HostStep):
        return "host"
    return "batch" if isinstance(step, DenseStep) else "samples"


def make_phases(steps: list[Step]) -> list[Phase]:
    """Group steps into phases, taking as many as can run before the kind changes."""
    made = {step.writes for step in steps}
    waiting = list(steps)
    phases: list[Phase] = []
    while waiting:
        for kind in ("samples", "batch", "host"):
            taken: list[Step] = []
            for step in waiting:
                done = {s.writes for s in taken}
                if _kind(step) != kind:
                    continue
                if all(v not in made or v in done for v in step.reads):
                    taken.append(step)
                    if kind == "host":
                        break  # what it makes may set others free
            if taken:
                phases.append(Phase(kind, tuple(taken)))
                made -= {s.writes for s in taken}
                waiting = [step for step in waiting if step not in taken]
                break
    return phases
