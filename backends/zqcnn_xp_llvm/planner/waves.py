"""A group's instructions band by band, with maps that hold a few rows instead of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zqcnn_xp_llvm.kernels.copies import FillRuns
from zqcnn_xp_llvm.planner.bands import Group, first_row, rows_needed
from zqcnn_xp_llvm.planner.lower_map import copy_loops
from zqcnn_xp_llvm.planner.storage import Instruction, Storage, instruction

if TYPE_CHECKING:
    from zqcnn_xp_llvm.planner.held import Held
    from zqcnn_xp_llvm.planner.template import Template

__all__ = ["Wave", "ring_rows", "wave"]

# A ring holds so many times the rows that are needed at once: rows are then seldom moved, and
# never over each other.
ROOM = 3


@dataclass
class Wave:
    """The state of a group while its instructions are being listed.

    Parameters
    ----------
    template, group
        What to run.
    share
        (k, n): the k-th of n parts of the last maps' rows, with all that they need. Parts may run
        at the same time: rows that two of them need are computed twice, to the same values.
    rings
        Rows that are held of each value that is not held whole.
    dry
        Count rows alone, and list nothing.
    """

    template: Template
    group: Group
    share: tuple[int, int] = (0, 1)
    rings: dict[Held, int] = field(default_factory=dict)
    dry: bool = False

    def __post_init__(self) -> None:
        actions = self.group.actions
        self.maker = self.group.maker
        self.heights = [action.writes.layout.map.h for action in actions]
        self.units = [self.template.row_unit(action) for action in actions]
        self.done = self._starts()
        self.base = {held: self.done[self.maker[held]] for held in self.rings}
        self.most = dict.fromkeys(self.maker, 0)
        self.readers: dict[Held, list[tuple[int, int]]] = {held: [] for held in self.maker}
        for k, action in enumerate(actions):
            for place, held in enumerate(action.reads):
                if held in self.readers:
                    self.readers[held].append((k, place))

    def _starts(self) -> list[int]:
        """Return the first row that each action has to compute."""
        number, of = self.share
        first = [h if number else 0 for h in self.heights]
        if not number:
            return first
        for k in self.group.ends:
            first[k] = self.heights[k] * number // of
        for k in reversed(range(len(first))):
            first[k] = first[k] // self.units[k] * self.units[k]
            action = self.group.actions[k]
            for place, held in enumerate(action.reads):
                if held in self.maker:
                    at = self.maker[held]
                    first[at] = min(first[at], self._row_read(k, place, first[k]))
        return first

    def _row_read(self, k: int, place: int, row: int) -> int:
        """Return the first row that action k reads for rows from ``row`` on."""
        # A transform's last tile may begin up to a tile earlier.
        early = max(row - self.units[k] + 1, 0) if self.units[k] > 1 else row
        return first_row(self.template, self.group.actions[k], place, early)

    def instructions(self) -> list[Instruction]:
        """Return everything, in order."""
        number, of = self.share
        bands = -(-self.group.bands // of)
        found: list[Instruction] = []
        for band in range(1, bands + 1):
            for k in self.group.ends:
                low, high = (self.heights[k] * n // of for n in (number, number + 1))
                found += self._ensure(k, low + (high - low) * band // bands)
        return found

    def _ensure(self, k: int, rows: int) -> Iterator[Instruction]:
        """List what is missing for the first ``rows`` rows of a result."""
        rows = min(-(-rows // self.units[k]) * self.units[k], self.heights[k])
        if rows <= self.done[k]:
            return
        action = self.group.actions[k]
        for place, held in enumerate(action.reads):
            if held in self.maker:
                needed = rows_needed(self.template, action, place, rows)
                yield from self._ensure(self.maker[held], needed)
        written = action.writes
        self.most[written] = max(self.most[written], rows - self._kept(written))
        if written in self.rings:
            yield from self._room(written, rows)
        if not self.dry:
            lines = range(self.done[k], rows)
            yield from self.template.lower(action, rows=lines, storage=self._storage)
        self.done[k] = rows
        if written in self.rings and rows == self.heights[k]:
            yield from self._below(written)

    def _kept(self, held: Held) -> int:
        """Return the first row of a value that is still read, or that is not written yet."""
        rows = [
            self._row_read(k, place, self.done[k])
            for k, place in self.readers[held]
            if self.done[k] < self.heights[k]
        ]
        return min([*rows, self.done[self.maker[held]]])

    def _storage(self, held: Held) -> Storage:
        """Return where a value lies, as if all of its rows were there."""
        found = held.storage
        if held not in self.rings:
            return found
        return replace(found, start=found.start - self.base[held] * held.layout.row)

    def _room(self, held: Held, rows: int) -> Iterator[Instruction]:
        """Move the rows that are still read to the start, if the next ones do not fit."""
        if rows - self.base[held] <= self.rings[held]:
            return
        kept, done = self._kept(held), self.done[self.maker[held]]
        source = self._storage(held)
        self.base[held] = kept
        goal = self._storage(held)
        if done > kept:
            lay = held.layout
            left = -lay.border.left
            loops = [(done - kept, lay.row, lay.row), (lay.row // 4, 4, 4)]
            yield from copy_loops(
                self.template.pool, loops, source.at(kept, 0, left), goal.at(kept, 0, left)
            )

    def _below(self, held: Held) -> Iterator[Instruction]:
        """Write the border below the last row, which is nowhere else than in its place."""
        lay = held.layout
        if not lay.border.bottom:
            return
        place = self._storage(held).at(lay.map.h, 0, -lay.border.left)
        integers = {f"count{k}": 1 for k in range(4)}
        integers |= {"count": lay.border.bottom * lay.row // 4}
        yield instruction(FillRuns(lay.border.value), {"out": place}, integers)


def ring_rows(template: Template, group: Group, inner: list[Held]) -> dict[Held, int]:
    """Return how many rows to hold of each value that only the group reads.

    Values whose rings would be about as tall as they are themselves are left out.
    """
    trial = Wave(template, group, dry=True)
    trial.instructions()
    rings = {}
    for held in inner:
        rows = ROOM * trial.most[held] + trial.units[trial.maker[held]]
        if 4 * rows < 3 * held.layout.map.h:
            rings[held] = rows
    return rings


def wave(template: Template, group: Group, share: tuple[int, int] = (0, 1)) -> list[Instruction]:
    """Return a group's instructions; see `Wave`."""
    return Wave(template, group, share, template.rings.get(group, {})).instructions()
