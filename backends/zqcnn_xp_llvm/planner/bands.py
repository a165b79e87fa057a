"""Rows of several steps in turn: what one step has written, the next reads from the cache.

Steps that make rows of a map from rows of others are taken together where their maps are larger
than the cache. A band of the last map is asked for; each step then computes the rows that are
missing for it, the first steps first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp_llvm.planner.moves import repeats_of
from zqcnn_xp_llvm.planner.steps import (
    ConvStep,
    MapStep,
    MoveStep,
    NormStep,
    SoftmaxStep,
    WindowStep,
)

if TYPE_CHECKING:
    from zqcnn_xp_llvm.planner.held import Action, Held
    from zqcnn_xp_llvm.planner.template import Template

__all__ = ["LEAST_ROWS", "Group", "by_rows", "first_row", "grouped", "rows_needed"]

# Least rows of a band: below, starting kernels costs more than the cache saves.
LEAST_ROWS = 4


@dataclass(frozen=True, eq=False)
class Group:
    """Actions whose rows are computed in turn.

    Parameters
    ----------
    actions
        In their order.
    bands
        Number of turns.
    outside
        Numbers of the actions whose results are read by others as well: all of their rows count.
    """

    actions: tuple[Action, ...]
    bands: int
    outside: frozenset[int] = frozenset()

    @property
    def maker(self) -> dict[Held, int]:
        """Which action writes a value."""
        return {action.writes: k for k, action in enumerate(self.actions)}

    @property
    def ends(self) -> list[int]:
        """The actions whose rows all have to be made: others ask for them, or nobody here does."""
        read = {held for action in self.actions for held in action.reads}
        return [
            k
            for k, action in enumerate(self.actions)
            if action.writes not in read or k in self.outside
        ]


def by_rows(template: Template, action: Action) -> bool:
    """Whether an action can compute some rows of its result from some rows of what it reads."""
    step = action.step
    if any(len(template.shapes[h.value]) != 4 for h in (*action.reads, action.writes)):
        return False
    if step is None or isinstance(step, ConvStep | WindowStep | NormStep):
        return True
    if isinstance(step, MapStep):
        return not step.spread and not step.fixed
    if isinstance(step, SoftmaxStep):
        return getattr(step.op, "axis", 1) % 4 == 1
    return isinstance(step, MoveStep) and _keeps_rows(step)


def _keeps_rows(step: MoveStep) -> bool:
    op = step.op
    if isinstance(op, Concat):
        return op.axis % 4 == 1
    if isinstance(op, Slice):
        return op.axis % 4 == 1 and op.step == 1
    return isinstance(op, Upsample)


def grouped(template: Template, actions: list[Action]) -> list[Group]:
    """Cut a phase's actions into groups; most are alone in theirs."""
    target = template.pool.target
    # Where every new size is planned anew, planning has to be worth it, too.
    large = target.l2 * (4 if target.few else 1)
    groups: list[list[Action]] = []
    open_group = False
    # A value under another shape has other rows than those that were written.
    known = {*template.arrays, *(action.writes for action in actions)}
    for action in actions:
        fits = known.issuperset(action.reads) and by_rows(template, action)
        size = action.writes.layout.bytes
        weighs = fits and (size >= large or max(h.layout.bytes for h in action.reads) >= large)
        if weighs and open_group:
            groups[-1].append(action)
        else:
            groups.append([action])
        open_group = weighs and action.writes.layout.map.h > LEAST_ROWS
    found: list[Group] = []
    for group in groups:
        bands = _bands(template, group)
        if bands > 1:
            found.append(Group(tuple(group), bands, _outside(template, group)))
        else:
            found += [Group((action,), 1) for action in group]
    return found


def _outside(template: Template, group: list[Action]) -> frozenset[int]:
    """Return which results of a group the caller, another phase or a later group reads."""
    others = {a for phase in template.actions for a in phase}.difference(group)
    slots = {held.slot for action in others for held in action.reads}
    return frozenset(
        k
        for k, action in enumerate(group)
        if action.writes.slot is None or action.writes.slot in slots
    )


def _bands(template: Template, group: list[Action]) -> int:
    if len(group) == 1:
        return 1
    held = {h: h.layout.bytes for a in group for h in (*a.reads, a.writes)}
    wanted = -(-sum(held.values()) // (template.pool.target.l2 // 4))
    heights = [a.writes.layout.map.h for a in group]
    return max(min(wanted, min(heights) // LEAST_ROWS), 1)


def rows_needed(template: Template, action: Action, read: int, rows: int) -> int:
    """Return how many first rows of a value are read for ``rows`` first rows of the result."""
    step, held = action.step, action.reads[read]
    height = held.layout.map.h
    if isinstance(step, ConvStep | WindowStep) and read == 0:
        window = template.window(step)
        last = (rows - 1) * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0]
        return max(min(last + 1 - window.border.top, height), 0)
    if isinstance(step, MoveStep) and isinstance(step.op, Upsample):
        up = repeats_of(step.op, template.shapes[step.reads[0]])
        return min(-(-rows // (up[0] if up else 1)), height)
    return min(rows, height)


def first_row(template: Template, action: Action, read: int, row: int) -> int:
    """Return the first row of a value that result rows from ``row`` on read."""
    step = action.step
    if isinstance(step, ConvStep | WindowStep) and read == 0:
        window = template.window(step)
        return max(row * window.stride[0] - window.border.top, 0)
    if isinstance(step, MoveStep) and isinstance(step.op, Upsample):
        up = repeats_of(step.op, template.shapes[step.reads[0]])
        return row // (up[0] if up else 1)
    return row
