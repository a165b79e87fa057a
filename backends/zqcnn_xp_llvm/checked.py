"""Running a program under supervision: each kernel knows the bounds of every pointer it is given.

Kernels are called one by one from Python. The first access outside of a buffer is an error that
names the kernel, the step and the value. Guard words lie around every buffer even so, what has
not been written is NaN, and the borders of maps are compared after every step that writes one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from zqcnn_xp.errors import KernelError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp_llvm.code import Code
from zqcnn_xp_llvm.guarded import UNWRITTEN, Bounds, Guarded, call_checked
from zqcnn_xp_llvm.planner.bands import Group
from zqcnn_xp_llvm.planner.held import ARENA, RING, Action, Held
from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.planner.memory import SLACK, Slot
from zqcnn_xp_llvm.planner.split import parts_of
from zqcnn_xp_llvm.planner.steps import Step
from zqcnn_xp_llvm.planner.storage import WEIGHT_SLACK, Buffer, Instruction, Place
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.planner.waves import wave
from zqcnn_xp_llvm.planner.winograd import SCRATCH

__all__ = ["CheckedExecutable", "Work"]

Host = np.ndarray[Any, Any]
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@dataclass(frozen=True, eq=False)
class Work:
    """Steps whose instructions run in turn.

    Parameters
    ----------
    actions
        The steps and copies.
    parts
        Instructions; parts may run at the same time.
    """

    actions: tuple[Action, ...]
    parts: list[list[Instruction]]


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
        self.work = [self._work(k, threads) for k in range(len(template.phases))]
        found = code.addresses(
            i.kernel for works in self.work for work in works for part in work.parts for i in part
        )
        self.functions = {kernel: _KERNEL(address) for kernel, address in found.items()}

    def _work(self, number: int, threads: int) -> list[Work]:
        """Return what a phase does, for one sample or for all: in the driver's order."""
        template, kind = self.template, self.template.phases[number].kind
        if kind == "host":
            return []
        found = []
        for group in template.groups[number]:
            if kind == "samples" and (self.count > 1 or threads == 1):
                parts = [_in_turn(template, group)]
            else:
                parts = parts_of(template, group, self.count, threads)
            found.append(Work(group.actions, parts))
        return found

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
        for phase, works in zip(self.template.phases, self.work, strict=True):
            if phase.kind == "host":
                run.host(phase.steps)
            for sample in range(self.count if phase.kind == "samples" else 1):
                run.begin()
                for work in works:
                    run.act(work, sample if phase.kind == "samples" else None)
        run.finish()
        return {v: to_storage(np, run.value(v).copy()) for v in self.template.outputs}


class _Run:
    """The memory of one call, and what is known about it."""

    def __init__(self, made: CheckedExecutable) -> None:
        self.made = made
        template = made.template
        self.arena = Guarded("the arena", template.arena.size + SLACK)
        self.rings = Guarded("the rings", template.ring.size + SLACK)
        self.scratch = Guarded("scratch memory", template.scratch.size)
        self.arrays = {
            held.buffer: Guarded(held.value, _size(held, made)) for held in template.arrays
        }
        self.held = {held.value: held for held in template.arrays if held.layout.kind == "plain"}
        self.others: dict[str, Host] = {}
        self.sums: dict[Buffer, int] = {}
        self.started: set[Slot] = set()
        acted = [a for works in made.work for work in works for a in work.actions]
        touched = [(h.slot, h.buffer) for a in acted for h in (*a.reads, a.writes) if h.slot]
        self.ringed = {slot for slot, buffer in touched if buffer is RING}
        for slot in dict(touched):
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

    def act(self, work: Work, sample: int | None) -> None:
        """Run some steps for a sample, or for the whole batch."""
        slots = {a.writes.slot: a for a in work.actions if a.writes.slot is not None}
        for slot in slots:
            if slot not in self.started:
                # What an earlier value of this place left must not pass for this one's.
                self.started.add(slot)
                _cells(slot.layout, self._memory(slot))[...] = UNWRITTEN
        for part in work.parts:
            self.scratch.poison()  # each thread has its own, and rings of its own
            for slot in self.ringed.intersection(slots):
                _cells(slot.layout, self._memory(slot))[...] = UNWRITTEN
            for instruction in part:
                self._call(work, instruction, sample)
        for slot, action in slots.items():
            if slot.layout.border.empty:
                continue
            whole, edge = self._memory(slot).copy(), slot.layout.border.value
            _cells(slot.layout, whole)[:] = edge
            changed = np.flatnonzero(_bordered(slot.layout, whole).reshape(-1) != edge)
            if changed.size:
                found = f"a border of {edge} overwritten in {changed.size} cells"
                kernel = type(work.parts[-1][-1].kernel).__name__
                value = f"value {action.writes.value!r}"
                raise KernelError(kernel, _name(action), value, found, "it untouched")

    def _call(self, work: Work, instruction: Instruction, sample: int | None) -> None:
        kernel = instruction.kernel
        names = kernel.pointers
        owners = [
            self._owner(work, name, place, sample)
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
        steps = ", ".join(map(_name, work.actions))
        raise KernelError(type(kernel).__name__, steps, value, text, expected)

    def _owner(
        self, work: Work, pointer: str, place: Place, sample: int | None
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
        if buffer in (ARENA, RING):
            written = pointer == "out"
            if written:
                candidates = [a.writes for a in work.actions]
            else:
                candidates = [held for a in work.actions for held in a.reads]
            held, slot = _nearest([held for held in candidates if held.buffer is buffer], offset)
            start = (self.rings if buffer is RING else self.arena).address
            low = start + slot.start
            # Vectors may be read behind the last element of a map, never written.
            high = low + slot.layout.bytes + (0 if written else SLACK)
            return (f"value {held.value!r}", start, (low, high))
        memory = self.arrays[buffer]
        start = memory.address
        if sample is None:
            bounds = (start, start + 4 * memory.floats.size)
        else:
            start += sample * buffer.sample
            bounds = (start, start + buffer.sample)
        return (f"value {memory.name!r}", start, bounds)

    def _memory(self, slot: Slot) -> Host:
        memory = self.rings if slot in self.ringed else self.arena
        return memory.floats[slot.start // 4 : (slot.start + slot.layout.bytes) // 4]

    def finish(self) -> None:
        """Compare the guard words, and the weights with what they were."""
        for memory in (self.arena, self.rings, self.scratch, *self.arrays.values()):
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


def _in_turn(template: Template, group: Group) -> list[Instruction]:
    """Return a group's instructions for one sample, as `Template.instructions` orders them."""
    if group.bands > 1:
        return wave(template, group)
    return [i for action in group.actions for i in template.lower(action)]


def _name(action: Action) -> str:
    return f"the copy of {action.reads[0].value}" if action.step is None else action.step.name


def _nearest(candidates: list[Held], offset: int) -> tuple[Held, Slot]:
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
