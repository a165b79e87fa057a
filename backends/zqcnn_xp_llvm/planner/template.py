"""The plan of a graph at one size of sample: phases, where values lie, instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape
from zqcnn_xp_llvm.planner.assign import assign, transform_of, window_of
from zqcnn_xp_llvm.planner.bands import Group, grouped
from zqcnn_xp_llvm.planner.formulas import never_negative
from zqcnn_xp_llvm.planner.fuse import make_steps
from zqcnn_xp_llvm.planner.held import ARENA, RING, Action, Held
from zqcnn_xp_llvm.planner.layout import Border, Kind, Layout, geometry
from zqcnn_xp_llvm.planner.lower_conv import conv_to_blocks, conv_to_rows, dense, rows_together
from zqcnn_xp_llvm.planner.lower_map import convert, map_step, move, normalize, softmax
from zqcnn_xp_llvm.planner.lower_window import window
from zqcnn_xp_llvm.planner.lower_winograd import Transformed
from zqcnn_xp_llvm.planner.memory import Arena, Slot, arrange
from zqcnn_xp_llvm.planner.moves import is_reshape
from zqcnn_xp_llvm.planner.needs import Need, needs_of, writes_plain
from zqcnn_xp_llvm.planner.phases import Phase, make_phases
from zqcnn_xp_llvm.planner.steps import (
    ConvStep,
    DenseStep,
    HostStep,
    MapStep,
    MoveStep,
    NormStep,
    SoftmaxStep,
    Step,
    WindowStep,
)
from zqcnn_xp_llvm.planner.storage import Buffer, Instruction, Pool, Storage
from zqcnn_xp_llvm.planner.waves import ring_rows, wave
from zqcnn_xp_llvm.planner.windows import Window
from zqcnn_xp_llvm.planner.winograd import Scratch

__all__ = ["Template"]


@dataclass
class Template:
    """Everything about a graph at one size that does not depend on the number of samples.

    Parameters
    ----------
    graph
        The graph.
    shapes
        Logical shapes of all values.
    pool
        Packed weights, shared between templates of one graph.
    """

    graph: InitVar[Graph]
    shapes: Mapping[str, Shape]
    pool: Pool
    inputs: tuple[str, ...] = field(init=False)
    outputs: tuple[str, ...] = field(init=False)
    phases: list[Phase] = field(init=False)
    actions: list[list[Action]] = field(init=False)
    groups: list[list[Group]] = field(init=False)
    arena: Arena = field(init=False)
    values: dict[str, Held] = field(init=False)
    kinds: dict[str, bool] = field(init=False)

    def __post_init__(self, graph: Graph) -> None:
        target = self.pool.target
        # The graph itself is not kept: whoever caches templates by graph may let both go.
        self.inputs = tuple(source.name for source in graph.inputs)
        self.outputs = graph.outputs
        steps = make_steps(graph, self.shapes, target.lanes)
        self.phases = make_phases(steps)
        planar = {*self.inputs, *self.outputs}
        for step in steps:
            if isinstance(step, HostStep):
                planar |= {step.writes, *step.reads}
        ordered = [step for phase in self.phases for step in phase.steps]
        self.kinds = assign(ordered, self.shapes, planar, self.pool)
        self._needs = {step: needs_of(step, self.shapes, self.kinds, self.pool) for step in ordered}
        for step in ordered:
            # What leaves its phase in logical order for somebody else is read in that by all.
            if isinstance(step, DenseStep) and self._crosses_plain(step.reads[0]):
                self._needs[step] = [Need("plain")]
        self._nonnegative = {s.writes for s in ordered if never_negative(s.formula)}
        self._held: dict[str, list[Held]] = {}
        self._slots: list[Slot] = []
        self._clock = 0
        self._times: dict[Action, int] = {}
        self._windows: dict[Step, Window] = {}
        self.values = {}
        self.arrays: list[Held] = []
        self.tables: dict[int, Any] = {}
        for name in self.inputs:
            self._array(name, self._layout(name, "plain"))
        self._cross = self._crossing()
        self.actions = [self._act(phase, k) for k, phase in enumerate(self.phases)]
        self.groups = [grouped(self, actions) for actions in self.actions]
        self.rings: dict[Group, dict[Held, int]] = {}
        self.scratch = Scratch()
        self._keep_together()
        ringed = {id(held.slot) for rings in self.rings.values() for held in rings}
        self.arena = arrange([slot for slot in self._slots if id(slot) not in ringed])
        self.ring = arrange([slot for slot in self._slots if id(slot) in ringed])

    # Deciding where values lie.

    def _layout(self, value: str, kind: Kind, border: Border | None = None) -> Layout:
        lay = Layout(kind, geometry(self.shapes[value]), self.pool.target.lanes)
        return lay if border is None else lay.bordered(border)

    def _array(self, value: str, layout: Layout) -> Held:
        """Hold a value in an array over the batch."""
        held = Held(value, layout, Buffer("value", value, sample=layout.bytes))
        self._held.setdefault(value, []).append(held)
        self.values[value] = held
        self.arrays.append(held)
        return held

    def _crossing(self) -> set[str]:
        """Return the values that another phase, the host or the caller reads."""
        made = {s.writes: k for k, phase in enumerate(self.phases) for s in phase.steps}
        found = set(self.outputs)
        for k, phase in enumerate(self.phases):
            for step in phase.steps:
                found |= {v for v in step.reads if made.get(v, -1) != k or phase.kind != "samples"}
        return found | {s.writes for s in self._needs if isinstance(s, HostStep | DenseStep)}

    def _act(self, phase: Phase, number: int) -> list[Action]:
        actions: list[Action] = []
        if number:
            # Copies in the arena serve one phase.
            for copies in self._held.values():
                copies[:] = [held for held in copies if held.buffer is not ARENA]
        for k, step in enumerate(phase.steps):
            reads = [
                self._find(value, need, actions)
                for value, need in zip(step.reads, self._needs[step], strict=True)
            ]
            self._clock += 1
            later = phase.steps[k + 1 :]
            writes = self._place(step, reads, later, actions)
            if not (isinstance(step, MoveStep) and is_reshape(step.op)):
                self._record(actions, Action(step, tuple(reads), writes))
            for held in (*reads, writes):
                self._use(held)
            if step.writes in self._cross and writes.buffer is ARENA:
                kind = "plain" if self._crosses_plain(step.writes) else writes.layout.kind
                outside = self._array(step.writes, self._layout(step.writes, kind))
                self._record(actions, Action(None, (writes,), outside))
                self._use(writes)
        return actions

    def _record(self, actions: list[Action], action: Action) -> None:
        self._times[action] = self._clock
        actions.append(action)

    def _keep_together(self) -> None:
        """Let all values of a group live as long as the group: its steps run in turn.

        Values that nothing else reads hold a few rows, in memory of the thread's own.
        """
        for group in (g for phase in self.groups for g in phase if g.bands > 1):
            written = [a.writes.slot for a in group.actions if a.writes.slot]
            begin = min((slot.first for slot in written), default=0)
            end = max(self._times[action] for action in group.actions)
            rings = ring_rows(self, group, self._inner(group, end))
            self.rings[group] = rings
            for held, rows in rings.items():
                if held.slot is not None:
                    shape = replace(held.layout.map, h=rows)
                    held.slot.layout = replace(held.layout, map=shape)
                    held.buffer = RING
            for slot in written:
                slot.first = min(slot.first, begin)
            for held in (h for a in group.actions for h in (*a.reads, a.writes)):
                if held.slot is not None:
                    held.slot.last = max(held.slot.last, end)

    def _inner(self, group: Group, end: int) -> list[Held]:
        """Return the values that a group writes and nobody else reads."""
        ends = {group.actions[k].writes for k in group.ends}
        slots = [a.writes.slot for a in group.actions]
        return [
            a.writes
            for a in group.actions
            if a.writes.slot is not None
            and a.writes not in ends
            and a.writes.slot.last <= end
            and slots.count(a.writes.slot) == 1
        ]

    def _use(self, held: Held) -> None:
        if held.slot is not None:
            held.slot.last = self._clock

    def _new(self, value: str, layout: Layout) -> Held:
        layout = replace(layout, staggered=True)
        slot = Slot(layout, self._clock, self._clock)
        self._slots.append(slot)
        held = Held(value, layout, ARENA, slot)
        self._held.setdefault(value, []).append(held)
        return held

    def _border(self, value: str, need: Need) -> Border:
        """Return the border that a reader needs; zeros win no maximum of what is not negative."""
        border = need.border
        if border.value < 0 and value in self._nonnegative:
            return Border(*border.sides)
        return border

    def _find(self, value: str, need: Need, actions: list[Action]) -> Held:
        """Return a copy of a value that meets a need, adding the copying where there is none."""
        border = self._border(value, need)
        wanted = Need(need.kind, border, need.room)
        for held in self._held[value]:
            if wanted.met(held.layout, ours=held.buffer is ARENA):
                return held
        source = self._held[value][0]
        framed = not border.empty or need.room
        kinds: dict[str, Kind] = {
            "blocks": "blocks",
            "planar": "rows",
            "plain": "rows" if framed else "plain",
            "any": "rows" if framed and source.layout.kind == "plain" else source.layout.kind,
        }
        self._clock += 1
        made = self._new(value, self._layout(value, kinds[need.kind], border))
        self._use(source)
        self._record(actions, Action(None, (source,), made))
        return made

    def _crosses_plain(self, value: str) -> bool:
        """Whether those who read a value in another phase need logical order."""
        if value in self.outputs:
            return True
        readers = [
            need
            for step, needs in self._needs.items()
            for v, need in zip(step.reads, needs, strict=True)
            if v == value
        ]
        return any(need.kind == "plain" for need in readers)

    def _place(
        self, step: Step, reads: list[Held], later: tuple[Step, ...], actions: list[Action]
    ) -> Held:
        """Decide where a step writes."""
        value = step.writes
        if isinstance(step, MoveStep) and is_reshape(step.op):
            return self._alias(value, reads[0], actions)
        if writes_plain(step):
            lay = self._layout(value, "plain")
            return self._array(value, lay) if value in self._cross else self._new(value, lay)
        border, plain = Border(), False
        for reader in later:
            for v, need in zip(reader.reads, self._needs[reader], strict=True):
                if v == value:
                    plain = plain or need.kind == "plain"
                    if need.kind in ("any", "blocks" if self.kinds[value] else "planar"):
                        border = border.joined(self._border(value, need)) or border
        crossing = value in self._cross
        if self.kinds[value]:
            if crossing and border.empty and not self._crosses_plain(value):
                return self._array(value, self._layout(value, "blocks"))
            return self._new(value, self._layout(value, "blocks", border))
        if not border.empty:
            return self._new(value, self._layout(value, "rows", border))
        if crossing:
            return self._array(value, self._layout(value, "plain"))
        return self._new(value, self._layout(value, "plain" if plain else "rows"))

    def _alias(self, value: str, source: Held, actions: list[Action]) -> Held:
        """Give a reshaped value the memory of its source."""
        layout = self._layout(value, "plain")
        if value in self._cross or source.buffer is not ARENA:
            made = self._array(value, layout)
            seen = Held(value, layout, source.buffer, source.slot)
            self._record(actions, Action(None, (seen,), made))
            return made
        held = Held(value, layout, source.buffer, source.slot)
        self._held.setdefault(value, []).append(held)
        return held

    # Instructions.

    def window(self, step: ConvStep | WindowStep) -> Window:
        """Return the window of a step."""
        found = self._windows.get(step)
        if found is None:
            found = self._windows[step] = window_of(step, self.shapes[step.reads[0]])
        return found

    def row_unit(self, action: Action) -> int:
        """Return how many rows of a result are best computed together."""
        step = action.step
        if isinstance(step, ConvStep) and action.writes.layout.kind == "blocks":
            m, _ = transform_of(self.pool, step, self.shapes[step.reads[0]])
            return m or rows_together(self.pool, step)
        return 2 if isinstance(step, ConvStep | WindowStep) else 1

    def instructions(self, phase: int, count: int) -> list[Instruction]:
        """Return the instructions of a phase: for one sample, or for ``count`` of them."""
        found: list[Instruction] = []
        for group in self.groups[phase]:
            if group.bands > 1:
                found += wave(self, group)
            else:
                found += [i for action in group.actions for i in self.lower(action, count)]
        return found

    def lower(
        self,
        action: Action,
        count: int = 1,
        rows: range | None = None,
        storage: Callable[[Held], Storage] | None = None,
    ) -> list[Instruction]:
        """Return the instructions of one action.

        Parameters
        ----------
        action
            A step or a copy.
        count
            Samples, for matrix products.
        rows
            Rows of the result to compute; None for all.
        storage
            Where values lie, if not in their own places.
        """
        where = storage or Held.place
        step, out = action.step, where(action.writes)
        xs = [where(held) for held in action.reads]
        lines = range(out.layout.map.h) if rows is None else rows
        if step is None:
            return convert(self.pool, xs[0], out, lines)
        res = xs[1] if len(xs) > 1 else None
        shapes = [self.shapes[v] for v in step.reads]
        if isinstance(step, ConvStep):
            m, _ = transform_of(self.pool, step, shapes[0])
            if m and out.layout.kind == "blocks":
                # Too few rows for a tile begin earlier: computed twice, to the same values.
                lines = range(max(min(lines.start, lines.stop - m), 0), lines.stop)
                border = self.window(step).border
                before = (border.top, border.left)
                return Transformed(
                    self.pool, self.scratch, step, xs[0], out, res, m, before, lines
                ).instructions()
            to = conv_to_blocks if out.layout.kind == "blocks" else conv_to_rows
            return to(self.pool, step, xs[0], out, res, lines)
        if isinstance(step, WindowStep):
            return window(self.pool, step, xs[0], out, res, lines)
        if isinstance(step, MapStep):
            return map_step(self.pool, step, xs, out, lines)
        if isinstance(step, NormStep):
            return normalize(self.pool, step, xs[0], out, lines)
        if isinstance(step, SoftmaxStep):
            return softmax(self.pool, step, xs[0], out, shapes[0], lines)
        if isinstance(step, MoveStep):
            return move(self.pool, step, xs, out, shapes, lines)
        if isinstance(step, DenseStep):
            return dense(self.pool, step, xs[0], out, shapes[0], count)
        raise TypeError(f"{step} has no instructions")
