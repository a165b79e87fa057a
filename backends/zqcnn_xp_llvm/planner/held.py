"""Copies of values, each in one layout, and the actions that read and write them."""

from __future__ import annotations

from dataclasses import dataclass

from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.planner.memory import Slot
from zqcnn_xp_llvm.planner.steps import Step
from zqcnn_xp_llvm.planner.storage import Buffer, Storage

__all__ = ["ARENA", "RING", "Action", "Held"]

ARENA = Buffer("arena")
RING = Buffer("ring")
"""Maps of which a thread holds a few rows."""


@dataclass(eq=False)
class Held:
    """A value's copy in one layout, before memory is given out.

    Parameters
    ----------
    value
        Its name.
    layout
        Its strides.
    buffer
        An array over the batch, or the arena.
    slot
        Its place in the arena.
    """

    value: str
    layout: Layout
    buffer: Buffer
    slot: Slot | None = None

    def place(self) -> Storage:
        """Return where it lies, once memory has been given out."""
        return self.storage

    @property
    def storage(self) -> Storage:
        """Where it lies, once memory has been given out."""
        return Storage(self.layout, self.buffer, self.slot.start if self.slot else 0)


@dataclass(frozen=True, eq=False)
class Action:
    """A step, or the copy of a value into another layout, with what it reads and writes."""

    step: Step | None
    reads: tuple[Held, ...]
    writes: Held
