"""Running a program: memory for one call, addresses of the caller's arrays, the driver."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from zqcnn_xp.executable import StepTime
from zqcnn_xp.graph import Node
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp.planned import PlanTable
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.driver import COUNTER
from zqcnn_xp_llvm.planner.describe import plan_rows
from zqcnn_xp_llvm.planner.memory import SLACK, Arena
from zqcnn_xp_llvm.planner.storage import Instruction, aligned
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.program import (
    ARENA_BASE,
    FIRST_ARRAY,
    RING_BASE,
    SCRATCH_BASE,
    Program,
    Segment,
    encode,
)
from zqcnn_xp_llvm.shelf import Shelf
from zqcnn_xp_llvm.tracing import step_times
from zqcnn_xp_llvm.workers import shared_workers

__all__ = ["Call", "LlvmExecutable"]

Host = np.ndarray[Any, Any]
_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


class Context:
    """The memory of one call at a time.

    Parameters
    ----------
    template
        What runs in it.
    threads
        Threads that may take part: each has scratch memory of its own.
    apart
        Each thread works on a sample of its own, in an arena of its own.
    """

    def __init__(self, template: Template, threads: int, *, apart: bool) -> None:
        self.arenas = [_filled(template.arena) for _ in range(threads if apart else 1)]
        self.rings = [_filled(template.ring) for _ in range(threads)]
        self.scratch = [aligned(template.scratch.size + SLACK) for _ in range(threads)]
        words = 2 * (FIRST_ARRAY + len(template.arrays))
        self.bases = np.zeros((threads, words), np.int64)
        for k, row in enumerate(self.bases):
            row[2 * ARENA_BASE] = self.arenas[k if apart else 0].ctypes.data
            row[2 * RING_BASE] = self.rings[k].ctypes.data
            row[2 * SCRATCH_BASE] = self.scratch[k].ctypes.data
        for k, held in enumerate(template.arrays):
            self.bases[:, 2 * (FIRST_ARRAY + k) + 1] = held.buffer.sample
        self._arrays: dict[int, Host] = {}

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        parts = (*self.arenas, *self.rings, *self.scratch, *self._arrays.values())
        return sum(part.size for part in parts)

    def hold(self, number: int, size: int) -> None:
        """Give memory to a value that crosses phases and that nobody outside sees."""
        found = self._arrays.get(number)
        if found is None or found.size < size:
            found = self._arrays[number] = aligned(size)
            self.bases[:, 2 * (FIRST_ARRAY + number)] = found.ctypes.data


def _filled(arena: Arena) -> Host:
    """Return an arena's memory, with the borders that are not zero written."""
    memory = aligned(arena.size + SLACK)
    for start, size, value in arena.filled:
        memory[start : start + size].view(np.float32)[:] = value
    return memory


class Call:
    """One run: the arrays of the caller and a context.

    Parameters
    ----------
    executable
        What runs.
    inputs
        Stored arrays by name.
    context
        Memory that nobody else uses meanwhile.
    """

    def __init__(
        self, executable: LlvmExecutable, inputs: Mapping[str, Array], context: Context
    ) -> None:
        self.executable = executable
        self.context = context
        template = executable.template
        self.values: dict[str, Host] = {
            name: np.asarray(to_logical(np, inputs[name]), np.float32, order="C")
            for name in template.inputs
        }
        for number, name, seen, size in executable.made:
            if seen:
                self.values[name] = np.empty(executable.shapes[name], np.float32)
            else:
                context.hold(number, size)

    def segment(self, segment: Segment) -> None:
        """Run compiled phases, or a node of the host."""
        if segment.node is not None:
            self.host(segment.node)
        else:
            self._drive(segment.instructions, segment.phases, segment.items)

    def host(self, node: Node) -> None:
        """Compute one node with its reference."""
        xs = [to_storage(np, self.values[v]) for v in node.inputs]
        outputs = node.op.forward(np, node.weights, *xs)
        for name, y in zip(node.outputs, outputs, strict=True):
            self.values[name] = np.asarray(to_logical(np, y), np.float32, order="C")

    def prepared(self, instructions: list[Instruction], repeats: int) -> Callable[[], None]:
        """Return what runs some instructions for every sample, in this thread.

        Nothing but the driver is left to do then, so that short steps can be timed.
        """
        executable = self.executable
        table = encode(instructions, executable.template, executable.code)
        phases = np.array([[0, repeats, 1, 0, len(table)]], np.int64)
        self.place()
        state, held = self._state(table, phases, np.zeros((1, 3), np.int64))
        counters, address, run = held[-1], state.ctypes.data, executable.run

        def again(held: object = (state, held)) -> None:
            counters.fill(0)
            run(address, 0)

        return again

    def place(self) -> None:
        """Tell the driver where the caller's and the host's arrays are now."""
        bases = self.context.bases
        for number, name in self.executable.known:
            found = self.values.get(name)
            if found is not None:
                bases[:, 2 * (FIRST_ARRAY + number)] = found.__array_interface__["data"][0]

    def _state(self, table: Host, phases: Host, items: Host) -> tuple[Host, tuple[Host, ...]]:
        """Return what the driver is called with, and what has to live as long."""
        bases = self.context.bases
        counters = np.zeros(COUNTER * len(phases), np.int64)
        state = np.array(
            [
                table.ctypes.data,
                phases.ctypes.data,
                len(phases),
                items.ctypes.data,
                bases.ctypes.data,
                counters.ctypes.data,
                bases.shape[1],
            ],
            np.int64,
        )
        return state, (table, phases, items, counters)

    def _drive(self, table: Host, phases: Host, items: Host) -> None:
        self.place()
        state, tables = self._state(table, phases, items)
        run, held = self.executable.run, (tables, state, self.context, self.values)
        address = state.ctypes.data

        def task(thread: int, held: object = held) -> None:
            # ``held`` keeps alive what a late helper may still look at.
            run(address, thread)

        shared_workers(os.getpid()).run(task, len(self.context.bases))


class LlvmExecutable:
    """A graph at one input shape; may be called from many threads at once.

    Parameters
    ----------
    program
        What runs.
    code
        Machine code of its kernels.
    shapes
        Logical shape of every value.
    threads
        Threads of a call.
    remarks
        On how the plan was made, for tables.
    shelf
        Where the memory of calls lies between them.
    """

    def __init__(
        self,
        program: Program,
        code: Code,
        shapes: Mapping[str, Shape],
        threads: int,
        remarks: tuple[str, ...] = (),
        shelf: Shelf | None = None,
    ) -> None:
        self.remarks = remarks
        self.program = program
        self.template = template = program.template
        self.code = code
        self.shapes = shapes
        self.threads = threads
        self.run = _RUN(code.driver())
        self._shelf = Shelf() if shelf is None else shelf
        self._owner = object()
        nodes = [segment.node for segment in program.segments if segment.node is not None]
        given = {*template.inputs, *(v for node in nodes for v in node.outputs)}
        seen = {*template.outputs, *(v for node in nodes for v in node.inputs)}
        plain = [held.layout.kind == "plain" for held in template.arrays]
        names = [held.value for held in template.arrays]
        sizes = [held.layout.bytes * program.count + SLACK for held in template.arrays]
        # Arrays that a call makes: number, value, whether somebody outside sees it, bytes.
        self.made = [
            (k, name, plain[k] and name in seen, sizes[k])
            for k, name in enumerate(names)
            if name not in given
        ]
        # Arrays whose address changes from call to call.
        self.known = [
            (k, name) for k, name in enumerate(names) if plain[k] and name in given | seen
        ]

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once on stored arrays."""
        with self.opened(inputs) as call:
            for segment in self.program.segments:
                call.segment(segment)
            return {v: to_storage(np, call.values[v]) for v in self.template.outputs}

    @contextmanager
    def opened(self, inputs: Mapping[str, Array]) -> Iterator[Call]:
        """Lend a context to a call."""
        context = self._shelf.take(self._owner)
        if not isinstance(context, Context):
            apart = self.program.count > 1
            context = Context(self.template, self.threads, apart=apart)
        try:
            yield Call(self, inputs, context)
        finally:
            self._shelf.put(self._owner, context)

    def trace(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """Return the time of every step of one call."""
        return step_times(self, inputs)

    def plan_table(self) -> PlanTable:
        """Return the plan, step by step."""
        template = self.template
        target = template.pool.target
        rows, weights = plan_rows(template)
        return PlanTable(
            backend="llvm",
            target=f"{target.cpu}: {target.name} vectors of {target.lanes} floats",
            rows=tuple(rows),
            arena_bytes=template.arena.size,
            scratch_bytes=template.scratch.size + template.ring.size,
            weight_bytes=weights,
            remarks=self.remarks,
        )
