"""Cutting a step into parts that threads run at the same time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.planner.bands import LEAST_ROWS, Group
from zqcnn_xp_llvm.planner.held import Action
from zqcnn_xp_llvm.planner.steps import ConvStep, DenseStep, MapStep, WindowStep
from zqcnn_xp_llvm.planner.storage import Instruction
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.planner.waves import wave

__all__ = ["parts_of"]

# Parts for each thread: enough that one which is put aside holds up little.
PARTS = 2
# Bytes of a result, or of weights, that are worth a part of their own.
WORTH = 8 << 10


def parts_of(template: Template, group: Group, count: int, threads: int) -> list[list[Instruction]]:
    """Return instructions that may run at the same time, in about equal lists.

    Parameters
    ----------
    template, group
        What to run.
    count
        Samples, for matrix products.
    threads
        That share the work.
    """
    most = threads * PARTS if threads > 1 else 1
    if len(group.actions) > 1:
        heights = [action.writes.layout.map.h for action in group.actions]
        parts = max(min(most, min(heights) // LEAST_ROWS), 1)
        return [wave(template, group, (k, parts)) for k in range(parts)]
    (action,) = group.actions
    step = action.step
    if isinstance(step, DenseStep):
        return _by_groups(template.lower(action, count), most, template.pool.target.vector_bytes)
    lines = action.writes.layout.map.h
    whole = template.lower(action, count)
    if most == 1 or not isinstance(step, ConvStep | WindowStep | MapStep):
        return [whole]
    if not _by_rows(step, action):
        return [whole]
    # A part is some rows; tiles of several rows and transforms want whole ones.
    unit = template.row_unit(action)
    units = -(-lines // unit)
    parts = max(min(most, units, action.writes.layout.bytes // WORTH), 1)
    edges = [units * k // parts * unit for k in range(parts)] + [lines]
    ranges = [range(a, b) for a, b in pairwise(edges)]
    return [template.lower(action, count, rows) for rows in ranges if len(rows)]


def _by_rows(step: ConvStep | WindowStep | MapStep, action: Action) -> bool:
    if action.writes.layout.map.h < 2:
        return False
    return not isinstance(step, MapStep) or len(step.shape) == 4


def _by_groups(instructions: list[Instruction], most: int, wide: int) -> list[list[Instruction]]:
    """Cut each matrix product along its groups of outputs."""
    parts: list[list[Instruction]] = [[] for _ in range(most)]
    turn = 0
    for item in instructions:
        kernel = item.kernel
        groups = item.integers[kernel.integers.index("groups")]
        if not isinstance(kernel, ConvBlocks) or groups == 1:
            parts[turn % most].append(item)
            turn += 1
            continue
        count = min(groups, most)
        for k in range(count):
            first, last = groups * k // count, groups * (k + 1) // count
            parts[(turn + k) % most].append(_groups(item, kernel, wide, range(first, last)))
        turn += count
    return [part for part in parts if part]


def _groups(item: Instruction, kernel: ConvBlocks, wide: int, groups: range) -> Instruction:
    """Return an instruction for some groups of a matrix product."""
    integers = list(item.integers)
    integers[kernel.integers.index("groups")] = len(groups)
    out = integers[kernel.integers.index("out_block")] * kernel.results
    moves = {**kernel.group_bytes(wide), "out": out}
    places = tuple(
        (buffer, offset + groups.start * moves.get(name, 0))
        for name, (buffer, offset) in zip(kernel.pointers, item.places, strict=True)
    )
    return replace(item, places=places, integers=tuple(integers))
