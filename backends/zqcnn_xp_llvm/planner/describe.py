"""What a plan does with each step, in words: for traces, ``info --plan`` and those who tune it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zqcnn_xp.planned import PlanRow
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.conv_rows import ConvRows
from zqcnn_xp_llvm.kernels.windows import WindowBlocks, WindowRows
from zqcnn_xp_llvm.kernels.winograd import WinogradInput
from zqcnn_xp_llvm.planner.bands import Group
from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.planner.waves import wave

if TYPE_CHECKING:
    from zqcnn_xp.graph import Node
    from zqcnn_xp_llvm.planner.held import Action, Held
    from zqcnn_xp_llvm.planner.storage import Buffer, Instruction
    from zqcnn_xp_llvm.planner.template import Template

__all__ = ["Stage", "describe", "plan_rows", "stages"]


@dataclass(frozen=True, eq=False)
class Stage:
    """What a plan runs in one go: a step, a copy, or steps that take turns row by row.

    Parameters
    ----------
    template
        The plan.
    group
        Its steps and copies.
    phase, kind
        Number and kind of the phase.
    """

    template: Template
    group: Group
    phase: int
    kind: str

    @property
    def actions(self) -> tuple[Action, ...]:
        """Steps and copies."""
        return self.group.actions

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that it stands for."""
        return tuple(node for a in self.actions if a.step is not None for node in a.step.nodes)

    @property
    def name(self) -> str:
        """Names of the steps, or the value that is copied."""
        steps = [action.step.name for action in self.actions if action.step is not None]
        return ", ".join(steps) or f"copy of {self.actions[-1].writes.value}"

    def instructions(self, count: int = 1) -> list[Instruction]:
        """Return the calls of kernels: for one sample, or for ``count`` of them."""
        if self.kind == "host":
            return []
        if self.group.bands > 1:
            return wave(self.template, self.group)
        return [i for action in self.actions for i in self.template.lower(action, count)]

    def kernel(self, instructions: list[Instruction]) -> str:
        """Say in words what runs."""
        if self.kind == "host":
            return "host"
        words = describe([instruction.kernel for instruction in instructions])
        tuned = self.template.pool.transforms
        if any(action.step is not None and action.step.name in tuned for action in self.actions):
            words += ", measured"
        return words if self.group.bands == 1 else f"{words}, in {self.group.bands} bands"


def stages(template: Template) -> Iterator[Stage]:
    """Return the stages of a plan in the order in which they run."""
    for k, (phase, groups) in enumerate(zip(template.phases, template.groups, strict=True)):
        for group in groups:
            yield Stage(template, group, k, phase.kind)


def describe(kernels: list[Kernel]) -> str:
    """Return the kernels of a step in words."""
    made: dict[str, None] = {}
    for kernel in kernels:
        if isinstance(kernel, WinogradInput):
            made[f"Winograd F({kernel.m}x{kernel.m})"] = None
        elif isinstance(kernel, ConvBlocks):
            made[f"blocks {kernel.rows}x{kernel.pixels}x{kernel.vectors}"] = None
        elif isinstance(kernel, ConvRows):
            made[f"rows {kernel.outputs}x{kernel.rows}x{kernel.vectors}"] = None
        elif isinstance(kernel, WindowBlocks):
            made[f"{kernel.fold} blocks {kernel.rows}x{kernel.pixels}"] = None
        elif isinstance(kernel, WindowRows):
            made[f"{kernel.fold} rows {kernel.rows}x{kernel.vectors}"] = None
        elif not type(kernel).__name__.startswith("Winograd"):
            made[type(kernel).__name__.lower()] = None
    return ", ".join(made)


def plan_rows(template: Template) -> tuple[list[PlanRow], int]:
    """Return one row for each stage of a plan, and the bytes of all packed weights together."""
    rows: list[PlanRow] = []
    everything: set[Buffer] = set()
    for stage in stages(template):
        found = stage.instructions()
        weights = {buffer for i in found for buffer, _ in i.places if buffer.kind == "weights"}
        everything |= weights
        reads, writes = _ends(stage)
        rows.append(
            PlanRow(
                name=stage.name,
                kernel=stage.kernel(found),
                reads=tuple(_words(held.layout) for held in reads),
                writes=tuple(_words(held.layout) for held in writes),
                conversions=sum(action.step is None for action in stage.actions),
                weight_bytes=_size(weights),
                instructions=len(found),
                phase=stage.phase,
                kind=stage.kind,
            )
        )
    return rows, _size(everything)


def _ends(stage: Stage) -> tuple[list[Held], list[Held]]:
    """Return what a stage reads of others, and what it makes for others."""
    made = {action.writes: None for action in stage.actions}
    read = {held: None for action in stage.actions for held in action.reads}
    return [h for h in read if h not in made], [h for h in made if h not in read]


def _size(buffers: set[Buffer]) -> int:
    return sum(int(buffer.array.size) for buffer in buffers)


def _words(layout: Layout) -> str:
    sides = layout.border.sides
    return layout.kind if layout.border.empty else f"{layout.kind}+{max(sides)}"
