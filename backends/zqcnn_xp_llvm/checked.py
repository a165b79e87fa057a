"""Running a program under supervision: each kernel knows the bounds of every pointer it is given.

Kernels are called one by one from Python. The first access outside of a buffer is an error that
names the kernel, the step and the value. Guard words lie around every buffer even so, what has
not been written is NaN, and the borders of maps are compared after every step that writes one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from zqcnn_xp.errors import KernelError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.codegen.emitter import CHECKED_WORDS, LIMITS, POINTERS, REPORT, Access
from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.planner.memory import SLACK, Slot
from zqcnn_xp_llvm.planner.split import parts_of
from zqcnn_xp_llvm.planner.steps import HostStep, Step
from zqcnn_xp_llvm.planner.storage import (
    ALIGNMENT,
    WEIGHT_SLACK,
    Buffer,
    Instruction,
    Place,
)
from zqcnn_xp_llvm.planner.template import ARENA, Action, Held, Template
from zqcnn_xp_llvm.planner.winograd import SCRATCH

__all__ = ["CheckedExecutable", "Guarded", "call_checked"]

Host = np.ndarray[Any, Any]
Bounds = tuple[int, int]
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# Guard words are NaN, so that a result that depends on one is seen to.
_GUARD = 0x7FC0DEAD
_GUARD_BYTES = 4096
_UNWRITTEN = np.uint32(_GUARD).view(np.float32)


class Guarded:
    """Memory between guard words, filled with them as well.

    Parameters
    ----------
    name
        Whose memory it is, for messages.
    size
        Bytes, a multiple of 4.

    Examples
    --------
    >>> memory = Guarded("x", 64)
    >>> memory.floats[:] = 1.0
    >>> memory.touched() is None
    True
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._whole = np.full((size + 2 * _GUARD_BYTES + ALIGNMENT) // 4, _GUARD, np.uint32)
        start = _GUARD_BYTES + -self._whole.ctypes.data % ALIGNMENT
        self._start, self._stop = start // 4, (start + size) // 4

    @property
    def floats(self) -> Host:
        """The memory itself, float32."""
        return self._whole[self._start : self._stop].view(np.float32)

    @property
    def address(self) -> int:
        """Where it starts."""
        return int(self._whole.ctypes.data) + 4 * self._start

    def poison(self) -> None:
        """Forget what was written."""
        self.floats[:] = _UNWRITTEN

    def touched(self) -> str | None:
        """Say where a guard word has been overwritten, or None where all are as they were."""
        for what, part, first in (
            ("in front", self._whole[: self._start], -self._start),
            ("behind", self._whole[self._stop :], self._stop - self._start),
        ):
            changed = np.flatnonzero(part != _GUARD)
            if changed.size:
                return f"a write {what}, at byte {4 * (first + int(changed[0]))}"
        return None


def call_checked(
    function: Callable[[int], Any],
    addresses: list[int],
    integers: list[int],
    bounds: list[Bounds],
) -> tuple[Access, int] | None:
    """Call a checked kernel.

    Parameters
    ----------
    function
        The kernel's code.
    addresses, integers
        Its arguments.
    bounds
        First address of each pointer's buffer, and the one behind its last.

    Returns
    -------
    tuple or None
        The first access that lies outside, and its address.
    """
    args = np.zeros(CHECKED_WORDS, np.int64)
    args[: len(addresses)] = addresses
    args[POINTERS : POINTERS + len(integers)] = integers
    args[LIMITS : LIMITS + 2 * len(bounds)] = np.array(bounds, np.int64).reshape(-1)
    function(args.ctypes.data)
    code = int(args[REPORT])
    return (Access.decode(code), int(args[REPORT + 1])) if code else None


class CheckedExecutable:
    """A graph at one input shape, run kernel by kernel within bounds.

    Parameters
    ----------
    template, count
        The plan, and the number of samples.
    code
        Checked machine code.
    shapes
        Logical shapes of all values.
    threads
        Steps are cut into parts as they would be for so many.
    """

    def __init__(
        self,
        template: Template,
        count: int,
        code: Code,
        shapes: Mapping[str, Shape],
        threads: int = 1,
    ) -> None:
        self.template = template
        self.count = count
        self.shapes = shapes
        self.steps: list[list[tuple[Action, list[list[Instruction]]]]] = []
        for phase, actions in zip(template.phases, template.actions, strict=True):
            kept = [a for a in actions if not isinstance(a.step, HostStep)]
            if phase.kind == "samples" and (count > 1 or threads == 1):
                self.steps.append([(a, [template.lower(a)]) for a in kept])
            else:
                cut = [(a, parts_of(template, a, count, threads)) for a in kept]
                self.steps.append(cut)
        found = code.addresses(
            i.kernel
            for actions in self.steps
            for _, parts in actions
            for part in parts
            for i in part
        )
        self.functions = {kernel: _KERNEL(address) for kernel, address in found.items()}

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once on stored arrays.

        Raises
        ------
        KernelError
            If a kernel reads or writes outside of the memory that it was given.
        """
        run = _Run(self)
        for name in self.template.inputs:
            run.put(name, np.asarray(to_logical(np, inputs[name]), np.float32))
        for phase, actions in zip(self.template.phases, self.steps, strict=True):
            if phase.kind == "host":
                run.host(phase.steps)
            for sample in range(self.count if phase.kind == "samples" else 1):
                run.begin()
                for action, parts in actions:
                    run.act(action, parts, sample if phase.kind == "samples" else None)
        run.finish()
        return {v: to_storage(np, run.value(v).copy()) for v in self.template.outputs}


class _Run:
    """The memory of one call, and what is known about it."""

    def __init__(self, made: CheckedExecutable) -> None:
        self.made = made
        template = made.template
        self.arena = Guarded("the arena", template.arena.size + SLACK)
        self.scratch = Guarded("scratch memory", template.scratch.size)
        self.arrays = {
            held.buffer: Guarded(held.value, _size(held, made)) for held in template.arrays
        }
        self.held = {held.value: held for held in template.arrays if held.layout.kind == "plain"}
        self.others: dict[str, Host] = {}
        self.sums: dict[Buffer, int] = {}
        self.started: set[Slot] = set()
        acted = (a for phase in made.steps for a, _ in phase)
        for slot in {h.slot for a in acted for h in (*a.reads, a.writes) if h.slot}:
            if not slot.layout.border.empty:
                self._memory(slot)[:] = slot.layout.border.value

    # Whole values.

    def value(self, name: str) -> Host:
        """Return a value in logical order."""
        if name in self.others:
            return self.others[name]
        return self.arrays[self.held[name].buffer].floats.reshape(self.made.shapes[name])

    def put(self, name: str, x: Host) -> None:
        """Set a value in logical order."""
        if name in self.held:
            self.value(name)[...] = x
        else:
            self.others[name] = x

    def host(self, steps: tuple[Step, ...]) -> None:
        """Compute nodes with their references."""
        for node in (node for step in steps for node in step.nodes):
            xs = [to_storage(np, self.value(v)) for v in node.inputs]
            outputs = node.op.forward(np, node.weights, *xs)
            for name, y in zip(node.outputs, outputs, strict=True):
                self.put(name, np.asarray(to_logical(np, y), np.float32))

    # One step.

    def begin(self) -> None:
        """Forget what the arena holds: another sample begins."""
        self.started.clear()

    def act(self, action: Action, parts: list[list[Instruction]], sample: int | None) -> None:
        """Run the parts of one action for a sample, or for the whole batch."""
        slot = action.writes.slot
        if slot is not None and slot not in self.started:
            # What an earlier value of this place left must not pass for this one's.
            self.started.add(slot)
            _cells(slot.layout, self._memory(slot))[...] = _UNWRITTEN
        for part in parts:
            self.scratch.poison()  # each thread has its own
            for instruction in part:
                self._call(action, instruction, sample)
        if slot is not None and not slot.layout.border.empty:
            whole, edge = self._memory(slot).copy(), slot.layout.border.value
            _cells(slot.layout, whole)[:] = edge
            changed = np.flatnonzero(_bordered(slot.layout, whole).reshape(-1) != edge)
            if changed.size:
                found = f"a border of {edge} overwritten in {changed.size} cells"
                self._fail(action, parts[-1][-1], action.writes.value, found, "it untouched")

    def _call(self, action: Action, instruction: Instruction, sample: int | None) -> None:
        kernel = instruction.kernel
        names = kernel.pointers
        owners = [
            self._owner(action, name, place, sample)
            for name, place in zip(names, instruction.places, strict=True)
        ]
        addresses = [
            start + offset
            for (_, start, _), (_, offset) in zip(owners, instruction.places, strict=True)
        ]
        bounds = [limits for _, _, limits in owners]
        integers = list(instruction.integers)
        found = call_checked(self.made.functions[kernel], addresses, integers, bounds)
        if found is None:
            return
        access, place = found
        value, _, (low, high) = owners[access.pointer]
        first, last = place - low, place - low + access.size
        beyond = f"{-first} bytes in front" if first < 0 else f"{last - (high - low)} bytes behind"
        what = "write" if access.store else "read"
        text = f"a {what} of bytes {first} to {last} by {names[access.pointer]!r}, {beyond}"
        expected = f"bytes 0 to {high - low} of it" if high > low else "no access at all"
        self._fail(action, instruction, value, text, expected)

    def _fail(
        self, action: Action, instruction: Instruction, value: str, found: str, expected: str
    ) -> None:
        name = f"the copy of {action.reads[0].value}" if action.step is None else action.step.name
        raise KernelError(type(instruction.kernel).__name__, name, value, found, expected)

    def _owner(
        self, action: Action, pointer: str, place: Place, sample: int | None
    ) -> tuple[str, int, Bounds]:
        """Return whose memory a pointer leads into, the address of offset 0, and the bounds."""
        buffer, offset = place
        if buffer.kind == "nowhere":
            return ("nothing", 0, (0, 0))
        if buffer.kind == "weights":
            start, size = int(buffer.array.ctypes.data), buffer.array.size
            self.sums.setdefault(buffer, crc32(buffer.array))
            return (f"weights {buffer.name}", start, (start, start + size - WEIGHT_SLACK))
        if buffer is SCRATCH:
            start = self.scratch.address
            return ("scratch memory", start, (start, start + 4 * self.scratch.floats.size))
        written = pointer == "out"
        if buffer is ARENA:
            held = _nearest((action.writes,) if written else action.reads, offset)
            start = self.arena.address
            low = start + held[1].start
            # Vectors may be read behind the last element of a map, never written.
            high = low + held[1].layout.bytes + (0 if written else SLACK)
            return (f"value {held[0].value!r}", start, (low, high))
        memory = self.arrays[buffer]
        start = memory.address
        if sample is None:
            bounds = (start, start + 4 * memory.floats.size)
        else:
            start += sample * buffer.sample
            bounds = (start, start + buffer.sample)
        return (f"value {memory.name!r}", start, bounds)

    def _memory(self, slot: Slot) -> Host:
        return self.arena.floats[slot.start // 4 : (slot.start + slot.layout.bytes) // 4]

    def finish(self) -> None:
        """Compare the guard words, and the weights with what they were."""
        for memory in (self.arena, self.scratch, *self.arrays.values()):
            found = memory.touched()
            if found is not None:
                raise KernelError("a kernel", "this call", memory.name, found, "guards untouched")
        for buffer, before in self.sums.items():
            if crc32(buffer.array) != before:
                found = "weights changed"
                raise KernelError("a kernel", "this call", buffer.name, found, "them untouched")


def _size(held: Held, made: CheckedExecutable) -> int:
    """Return the bytes of a value's array; the host's values may have another batch."""
    if held.layout.kind == "plain":
        return 4 * prod(made.shapes[held.value])
    return held.layout.bytes * made.count


def _nearest(candidates: tuple[Held, ...], offset: int) -> tuple[Held, Slot]:
    """Return the value in the arena that an offset belongs to, of those that a step may touch."""
    placed = [(held, held.slot) for held in candidates if held.slot is not None]

    def distance(pair: tuple[Held, Slot]) -> int:
        slot = pair[1]
        return max(slot.start - offset, offset - slot.start - slot.layout.bytes + 1, 0)

    return min(placed, key=distance)


def _grid(layout: Layout, memory: Host) -> Host:
    """Return a map's memory as (row, plane, pixel, channel of a block)."""
    pixel = layout.pixel // 4
    return memory.reshape(-1, layout.planes, layout.plane // layout.pixel, pixel)


def _cells(layout: Layout, memory: Host) -> Host:
    """Return the cells of a map without its border."""
    if layout.border.empty:
        return memory
    edge, size = layout.border, layout.map
    rows = slice(edge.top, edge.top + size.h)
    return _grid(layout, memory)[rows, :, edge.left : edge.left + size.w]


def _bordered(layout: Layout, memory: Host) -> Host:
    """Return the cells of a map and its border, without what rounds rows up to vectors."""
    edge = layout.border
    return _grid(layout, memory)[:, :, : edge.left + layout.map.w + edge.right]
