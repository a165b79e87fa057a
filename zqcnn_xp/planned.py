"""What an executable that plans whole graphs says about its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.executable import Executable
from zqcnn_xp.ops.base import Shape

if TYPE_CHECKING:
    from zqcnn_xp.session import Session

__all__ = ["PlanRow", "PlanTable", "Planned", "plan_table"]


@dataclass(frozen=True)
class PlanRow:
    """One step of a plan.

    Parameters
    ----------
    name
        Names of the nodes that it stands for, or the value that it copies.
    kernel
        What runs, in words, with the tile that it keeps in registers.
    reads, writes
        Layouts of what is read and of the result.
    conversions
        Copies of values into another layout.
    weight_bytes
        Packed weights that the step reads.
    instructions
        Calls of kernels: for one sample, or for the whole batch where the phase says so.
    phase
        Number of the phase, from 0. Steps of a phase follow one another without a return to
        Python.
    kind
        Of the phase: ``"samples"``, ``"batch"`` or ``"host"``.
    """

    name: str
    kernel: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    conversions: int
    weight_bytes: int
    instructions: int
    phase: int
    kind: str


@dataclass(frozen=True)
class PlanTable:
    """A plan, step by step.

    Parameters
    ----------
    backend
        Name of the backend.
    target
        The processor that it was made for, in words.
    rows
        One a step, in the order in which they run.
    arena_bytes
        Activations of one sample.
    scratch_bytes
        What each thread needs for itself.
    weight_bytes
        All packed weights of the graph, each counted once.
    remarks
        What else is to be known, one sentence each.
    """

    backend: str
    target: str
    rows: tuple[PlanRow, ...]
    arena_bytes: int
    scratch_bytes: int
    weight_bytes: int
    remarks: tuple[str, ...] = ()

    @property
    def conversions(self) -> int:
        """Copies into another layout."""
        return sum(row.conversions for row in self.rows)

    @property
    def instructions(self) -> int:
        """Calls of kernels."""
        return sum(row.instructions for row in self.rows)

    @property
    def phases(self) -> int:
        """Number of phases."""
        return 1 + max((row.phase for row in self.rows), default=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, as for JSON."""
        totals = {name: getattr(self, name) for name in ("conversions", "instructions", "phases")}
        return asdict(self) | totals


@runtime_checkable
class Planned(Executable, Protocol):
    """An executable that runs a plan, and can show it."""

    def plan_table(self) -> PlanTable:
        """Return the plan."""
        ...


def plan_table(session: Session, shapes: Mapping[str, Shape] | None = None) -> PlanTable:
    """Return the plan of a session's network at these input shapes.

    Parameters
    ----------
    session
        The network on its backend.
    shapes
        Logical shape of each input; None takes those that the model file names.

    Raises
    ------
    InputError
        If the backend makes no plans.
    ShapeError
        If shapes are missing or not admitted.
    """
    graph = session.graph
    wanted = dict(graph.nominal_shapes or {}) | dict(shapes or {})
    missing = [source.name for source in graph.inputs if source.name not in wanted]
    if missing:
        msg = f"found no shape of {', '.join(missing)}, expected one: a plan is made for a size"
        raise ShapeError(msg)
    plan = session.plan(graph.outputs)
    plan.graph.check_weights(wanted)
    part = plan.device_graph
    found = plan.executable({source.name: wanted[source.name] for source in part.inputs})
    if not isinstance(found, Planned):
        name = session.backend.name
        msg = (
            f"backend {name!r} runs layer by layer and makes no plan that could be shown; "
            "expected one that plans whole networks, such as 'llvm'"
        )
        raise InputError(msg)
    table = found.plan_table()
    last = table.phases
    host = tuple(
        PlanRow(node.name, "host", ("plain",), ("plain",), 0, 0, 0, last, "host")
        for node in plan.host_nodes
    )
    return PlanTable(**{**vars(table), "rows": table.rows + host})
