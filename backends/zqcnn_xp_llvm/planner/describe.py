"""What a plan does with each step, in words: for traces, ``info --plan`` and those who tune it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.conv_rows import ConvRows
from zqcnn_xp_llvm.kernels.windows import WindowBlocks, WindowRows
from zqcnn_xp_llvm.kernels.winograd import WinogradInput
from zqcnn_xp_llvm.planner.layout import Layout

if TYPE_CHECKING:
    from zqcnn_xp_llvm.planner.template import Action, Template

__all__ = ["PlanRow", "describe", "plan_rows"]


@dataclass(frozen=True)
class PlanRow:
    """One row of a plan: what runs, how, and into which layout.

    Parameters
    ----------
    name
        Names of the nodes, or the value that is copied.
    kernel
        The kernels, with the tile that stays in registers.
    layout
        Of what is read and of the result.
    instructions
        Calls of kernels for one sample.
    """

    name: str
    kernel: str
    layout: str
    instructions: int


def describe(kernels: list[Kernel]) -> str:
    """Return the kernels of a step in words."""
    made: dict[str, None] = {}
    for kernel in kernels:
        if isinstance(kernel, WinogradInput):
            made[f"Winograd F({kernel.m}x{kernel.m})"] = None
        elif isinstance(kernel, ConvBlocks):
            made[f"blocks {kernel.rows}x{kernel.pixels}x{kernel.vectors}"] = None
        elif isinstance(kernel, ConvRows):
            pooled = ", pooled" if kernel.pool else ""
            made[f"rows {kernel.outputs}x{kernel.rows}x{kernel.vectors}{pooled}"] = None
        elif isinstance(kernel, WindowBlocks):
            made[f"{kernel.fold} blocks {kernel.rows}x{kernel.pixels}"] = None
        elif isinstance(kernel, WindowRows):
            made[f"{kernel.fold} rows {kernel.rows}x{kernel.vectors}"] = None
        elif not type(kernel).__name__.startswith("Winograd"):
            made[type(kernel).__name__.lower()] = None
    return ", ".join(made)


def _words(layout: Layout) -> str:
    sides = layout.border.sides
    return layout.kind if layout.border.empty else f"{layout.kind}+{max(sides)}"


def plan_rows(template: Template) -> list[PlanRow]:
    """Return one row for each step and copy of a template, in order."""
    rows = []
    for phase, actions in zip(template.phases, template.actions, strict=True):
        for action in actions:
            rows.append(_row(template, action, phase.kind))
    return rows


def _row(template: Template, action: Action, kind: str) -> PlanRow:
    names = [_words(held.layout) for held in action.reads]
    layout = f"{', '.join(names)} -> {_words(action.writes.layout)}"
    name = f"copy of {action.writes.value}" if action.step is None else action.step.name
    if kind == "host":
        return PlanRow(name, "host", layout, 0)
    found = template.lower(action)
    return PlanRow(name, describe([i.kernel for i in found]), layout, len(found))
