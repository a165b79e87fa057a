"""A template for a number of samples, as the tables that the driver reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zqcnn_xp.graph import Node
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.codegen.emitter import POINTERS
from zqcnn_xp_llvm.driver import INSTRUCTION
from zqcnn_xp_llvm.planner.storage import Buffer, Instruction
from zqcnn_xp_llvm.planner.template import ARENA, Template
from zqcnn_xp_llvm.planner.winograd import SCRATCH

__all__ = ["FIRST_ARRAY", "Program", "Segment", "build"]

Table = np.ndarray[Any, np.dtype[np.int64]]

# Base addresses: 0 is nothing, for addresses that are complete; then the arena;
# the thread's scratch memory; then arrays.
_ABSOLUTE, _ARENA, _SCRATCH, FIRST_ARRAY = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class Segment:
    """Phases that the driver runs in one go, or one node for the host.

    Parameters
    ----------
    instructions, phases
        Tables, see `zqcnn_xp_llvm.driver`.
    node
        The host's node, or None.
    """

    instructions: Table
    phases: Table
    node: Node | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """What runs a graph on a number of samples of one size."""

    template: Template
    count: int
    segments: tuple[Segment, ...]


_NONE = np.zeros((0, 1), np.int64)


def build(template: Template, count: int, code: Code) -> Program:
    """Return the program of a template for ``count`` samples.

    Tables of single samples are made once for each template.
    """
    segments: list[Segment] = []
    tables: list[Table] = []
    phases: list[list[int]] = []
    size = 0

    def close() -> None:
        nonlocal size
        if phases:
            whole = np.concatenate(tables)
            segments.append(Segment(whole, np.array(phases, np.int64)))
        tables.clear()
        phases.clear()
        size = 0

    for k, phase in enumerate(template.phases):
        if phase.kind == "host":
            close()
            segments += [Segment(_NONE, _NONE, node) for s in phase.steps for node in s.nodes]
            continue
        table = table_of(template, k, count, code)
        repeats = count if phase.kind == "samples" else 1
        phases.append([0, repeats, 1, size, size + len(table)])
        tables.append(table)
        size += len(table)
    close()
    return Program(template, count, tuple(segments))


def table_of(template: Template, phase: int, count: int, code: Code) -> Table:
    """Return the table of one phase's instructions."""
    if template.phases[phase].kind == "samples":
        held: dict[int, Table] = template.tables
        if phase not in held:
            held[phase] = encode(template.instructions(phase, 1), template, code)
        return held[phase]
    return encode(template.instructions(phase, count), template, code)


def encode(instructions: list[Instruction], template: Template, code: Code) -> Table:
    """Write instructions as rows of 64-bit integers."""
    addresses = code.addresses(i.kernel for i in instructions)
    bases = {held.buffer: FIRST_ARRAY + k for k, held in enumerate(template.arrays)}
    table = np.zeros((len(instructions), INSTRUCTION), np.int64)
    for row, item in zip(table, instructions, strict=True):
        words = [addresses[item.kernel]]
        for buffer, offset in item.places:
            words += _place(buffer, offset, bases)
        row[: len(words)] = words
        first = 1 + 2 * POINTERS
        row[first : first + len(item.integers)] = item.integers
    return table


def _place(buffer: Buffer, offset: int, bases: dict[Buffer, int]) -> tuple[int, int]:
    if buffer is ARENA:
        return (_ARENA, offset)
    if buffer is SCRATCH:
        return (_SCRATCH, offset)
    if buffer.kind == "value":
        return (bases[buffer], offset)
    address = 0 if buffer.array is None else int(buffer.array.ctypes.data)
    return (_ABSOLUTE, address + offset)
