"""A template for a number of samples, as the tables that the driver reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zqcnn_xp.graph import Node
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.codegen.access import POINTERS
from zqcnn_xp_llvm.driver import INSTRUCTION
from zqcnn_xp_llvm.planner.held import ARENA, RING
from zqcnn_xp_llvm.planner.split import parts_of
from zqcnn_xp_llvm.planner.storage import Buffer, Instruction
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.planner.winograd import SCRATCH

__all__ = [
    "ARENA_BASE",
    "FIRST_ARRAY",
    "RING_BASE",
    "SCRATCH_BASE",
    "Program",
    "Segment",
    "build",
    "encode",
]

Table = np.ndarray[Any, np.dtype[np.int64]]

# Base addresses: 0 is nothing, for addresses that are complete; then the arena; the thread's
# scratch memory; then arrays.
_ABSOLUTE, ARENA_BASE, RING_BASE, SCRATCH_BASE, FIRST_ARRAY = 0, 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Segment:
    """Phases that the driver runs in one go, or one node for the host.

    Parameters
    ----------
    instructions, phases, items
        Tables, see `zqcnn_xp_llvm.driver`.
    node
        The host's node, or None.
    """

    instructions: Table
    phases: Table
    items: Table
    node: Node | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """What runs a graph on a number of samples of one size."""

    template: Template
    count: int
    segments: tuple[Segment, ...]


class _Tables:
    """The tables of a segment while they are being filled."""

    def __init__(self) -> None:
        self.parts: list[Table] = []
        self.phases: list[list[int]] = []
        self.items: list[tuple[int, int, int]] = []
        self.size = 0

    def add(self, table: Table) -> tuple[int, int]:
        """Append instructions; returns their range."""
        self.parts.append(table)
        begin, self.size = self.size, self.size + len(table)
        return begin, self.size

    def segment(self) -> Segment:
        """Return what has been filled in."""
        items = np.array(self.items or [(0, 0, 0)], np.int64)
        return Segment(np.concatenate(self.parts), np.array(self.phases, np.int64), items)


_NONE = np.zeros((0, 1), np.int64)


def build(template: Template, count: int, code: Code, threads: int = 1) -> Program:
    """Return the program of a template for ``count`` samples.

    Parameters
    ----------
    template, count
        What runs.
    code
        Where kernels are compiled.
    threads
        With more than one, the steps of a single sample are split among them; several samples
        are claimed one by one in any case.
    """
    segments: list[Segment] = []
    tables = _Tables()

    def close() -> None:
        nonlocal tables
        if tables.phases:
            segments.append(tables.segment())
            tables = _Tables()

    for k, phase in enumerate(template.phases):
        if phase.kind == "host":
            close()
            segments += [Segment(_NONE, _NONE, _NONE, n) for s in phase.steps for n in s.nodes]
        elif phase.kind == "samples" and (count > 1 or threads == 1):
            # Made once for each template: it does not depend on the number of samples.
            if k not in template.tables:
                template.tables[k] = encode(template.instructions(k, 1), template, code)
            begin, end = tables.add(template.tables[k])
            tables.phases.append([0, count, 1, begin, end])
        else:
            for group in template.groups[k]:
                parts = parts_of(template, group, count, threads)
                first = len(tables.items)
                for part in parts:
                    begin, end = tables.add(encode(part, template, code))
                    tables.items.append((begin, end, 0))
                tables.phases.append([first, len(parts), 0, 0, 0])
    close()
    return Program(template, count, tuple(segments))


def encode(instructions: list[Instruction], template: Template, code: Code) -> Table:
    """Write instructions as rows of 64-bit integers."""
    addresses = code.addresses(i.kernel for i in instructions)
    bases = {held.buffer: FIRST_ARRAY + k for k, held in enumerate(template.arrays)}
    starts: dict[Buffer, int] = {}
    bases[ARENA], bases[RING], bases[SCRATCH] = ARENA_BASE, RING_BASE, SCRATCH_BASE
    rows: list[list[int]] = []
    for item in instructions:
        words = [addresses[item.kernel]]
        for buffer, offset in item.places:
            base = bases.get(buffer, _ABSOLUTE)
            if base == _ABSOLUTE and buffer.array is not None:
                offset += _address(buffer, starts)
            words += (base, offset)
        words += [0] * (1 + 2 * POINTERS - len(words))
        words += item.integers
        words += [0] * (INSTRUCTION - len(words))
        rows.append(words)
    return np.array(rows, np.int64).reshape(-1, INSTRUCTION)


def _address(buffer: Buffer, starts: dict[Buffer, int]) -> int:
    """Return where packed weights lie; asking NumPy takes longer than a look-up."""
    found = starts.get(buffer)
    if found is None:
        found = starts[buffer] = int(buffer.array.ctypes.data)
    return found
