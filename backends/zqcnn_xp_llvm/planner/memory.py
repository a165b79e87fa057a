"""One arena for all maps of a sample: places are shared by values that do not live together."""

from __future__ import annotations

from dataclasses import dataclass, field

from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.planner.storage import ALIGNMENT

__all__ = ["Arena", "Slot", "arrange"]

# Vectors may be read, never written, behind the last element.
SLACK = 256


@dataclass(eq=False)
class Slot:
    """A value, or a copy of one, that needs memory.

    Parameters
    ----------
    layout
        Its strides.
    first, last
        First and last step during which it lives.
    start
        Where it was put.
    """

    layout: Layout
    first: int
    last: int
    start: int = 0


@dataclass
class Arena:
    """The result: bytes of a sample's arena, and the parts that have to start with a value.

    Parameters
    ----------
    size
        Bytes.
    filled
        (start, bytes, value) of maps whose borders are not zero.
    """

    size: int = 0
    filled: list[tuple[int, int, float]] = field(default_factory=list)


def arrange(slots: list[Slot]) -> Arena:
    """Give every slot its place.

    Borders are written once, when the arena is made, and never again: a map with a border shares
    its place with maps of exactly the same layout alone. Others go, the largest first, where no
    slot of their time lies.
    """
    arena = Arena()
    classes: dict[Layout, list[list[Slot]]] = {}
    for slot in (s for s in slots if not s.layout.border.empty):
        held = classes.setdefault(slot.layout, [])
        free = next((g for g in held if all(not _meet(slot, other) for other in g)), None)
        if free is None:
            held.append(free := [])
        free.append(slot)
    for layout, groups in classes.items():
        for group in groups:
            for slot in group:
                slot.start = arena.size
            if layout.border.value != 0.0:
                arena.filled.append((arena.size, layout.bytes, layout.border.value))
            arena.size += _rounded(layout.bytes)
    base, placed = arena.size, list[Slot]()
    loose = [s for s in slots if s.layout.border.empty]
    for slot in sorted(loose, key=lambda s: -s.layout.bytes):
        slot.start = base
        for other in sorted(placed, key=lambda s: s.start):
            if _meet(slot, other) and other.start < slot.start + _rounded(slot.layout.bytes):
                slot.start = max(slot.start, other.start + _rounded(other.layout.bytes))
        placed.append(slot)
        arena.size = max(arena.size, slot.start + _rounded(slot.layout.bytes))
    return arena


def _meet(a: Slot, b: Slot) -> bool:
    return a.first <= b.last and b.first <= a.last


def _rounded(size: int) -> int:
    return -(-(size + SLACK) // ALIGNMENT) * ALIGNMENT
