"""Running a program: memory for one call, addresses of the caller's arrays, the driver."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from zqcnn_xp.graph import Node
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.driver import COUNTER
from zqcnn_xp_llvm.planner.memory import SLACK
from zqcnn_xp_llvm.planner.storage import aligned
from zqcnn_xp_llvm.planner.template import Held, Template
from zqcnn_xp_llvm.program import FIRST_ARRAY, Program, build

__all__ = ["LlvmExecutable"]

Host = np.ndarray[Any, Any]
_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


class Context:
    """The memory of one call at a time.

    Parameters
    ----------
    template
        What runs in it.
    """

    def __init__(self, template: Template) -> None:
        arena = template.arena
        self.arena = aligned(arena.size + SLACK)
        for start, size, value in arena.filled:
            self.arena[start : start + size].view(np.float32)[:] = value
        self.bases = np.zeros(2 * (FIRST_ARRAY + len(template.arrays)), np.int64)
        self.bases[2] = self.arena.ctypes.data
        self.own = aligned(template.scratch.size + SLACK)
        self.bases[4] = self.own.ctypes.data
        self.scratch: dict[int, Host] = {}

    def array(self, number: int, held: Held, count: int) -> Host:
        """Return memory for a value that crosses phases and that nobody else sees."""
        size = held.layout.bytes * count + SLACK
        found = self.scratch.get(number)
        if found is None or found.size < size:
            found = self.scratch[number] = aligned(size)
        return found


class LlvmExecutable:
    """A graph at one input shape; may be called from many threads at once."""

    def __init__(
        self, template: Template, count: int, code: Code, shapes: Mapping[str, Shape]
    ) -> None:
        self.template = template
        self.code = code
        self.shapes = shapes
        self.program: Program = build(template, count, code)
        self.run = _RUN(code.driver())
        self._free: list[Context] = []
        self._lock = threading.Lock()
        made = {v for s in self.program.segments if s.node for v in s.node.outputs}
        read = {v for s in self.program.segments if s.node for v in s.node.inputs}
        inputs = set(template.inputs)
        self._given = inputs | made
        self._seen = read | set(template.outputs)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once on stored arrays."""
        with self._lock:
            context = self._free.pop() if self._free else None
        if context is None:
            context = Context(self.template)
        try:
            return self._run(inputs, context)
        finally:
            with self._lock:
                self._free.append(context)

    def _run(self, inputs: Mapping[str, Array], context: Context) -> dict[str, Array]:
        values: dict[str, Host] = {
            name: np.asarray(to_logical(np, inputs[name]), np.float32, order="C")
            for name in self.template.inputs
        }
        bases, count = context.bases, self.program.count
        for k, held in enumerate(self.template.arrays):
            name = held.value
            if name not in self._given:
                plain = held.layout.kind == "plain"
                if plain and name in self._seen:
                    values[name] = np.empty(self.shapes[name], np.float32)
                else:
                    memory = context.array(k, held, count)
                    bases[2 * (FIRST_ARRAY + k)] = memory.ctypes.data
            bases[2 * (FIRST_ARRAY + k) + 1] = held.buffer.sample
        for segment in self.program.segments:
            if segment.node is not None:
                self._host(segment.node, values)
                continue
            for k, held in enumerate(self.template.arrays):
                found = values.get(held.value)
                if found is not None and held.layout.kind == "plain":
                    bases[2 * (FIRST_ARRAY + k)] = found.ctypes.data
            counters = np.zeros(COUNTER * len(segment.phases), np.int64)
            state = np.array(
                [
                    segment.instructions.ctypes.data,
                    segment.phases.ctypes.data,
                    len(segment.phases),
                    segment.phases.ctypes.data,
                    bases.ctypes.data,
                    counters.ctypes.data,
                    bases.size,
                ],
                np.int64,
            )
            self.run(state.ctypes.data, 0)
        return {v: to_storage(np, values[v]) for v in self.template.outputs}

    def _host(self, node: Node, values: dict[str, Host]) -> None:
        """Compute one node with its reference."""
        xs = [to_storage(np, values[v]) for v in node.inputs]
        outputs = node.op.forward(np, node.weights, *xs)
        for name, y in zip(node.outputs, outputs, strict=True):
            values[name] = np.asarray(to_logical(np, y), np.float32, order="C")
