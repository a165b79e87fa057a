"""Tables about a network: what it holds, and what one run of it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.executable import StepTime, Traceable
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops.base import Shape

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend
    from zqcnn_xp.plan import Plan
    from zqcnn_xp.session import Session

__all__ = ["Info", "InfoRow", "Trace", "TraceRow", "info", "trace"]

FLOAT = 4


@dataclass(frozen=True)
class InfoRow:
    """One layer: output shape (None where sizes are free), parameters, mul-adds."""

    name: str
    type: str
    shape: Shape | None
    parameters: int
    muladds: int | None


@dataclass(frozen=True)
class Info:
    """The layer table of a network.

    Parameters
    ----------
    name
        Of the network.
    inputs
        Shape of each input; None marks a free size.
    outputs
        Names.
    rows
        One a layer.
    parameters, weight_bytes
        Totals.
    muladds
        Multiply-adds of one run at the shapes shown, or None where sizes are free.
    activation_bytes
        Most bytes of activations that are alive at once, under the plain walk.
    """

    name: str
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    rows: tuple[InfoRow, ...]
    parameters: int
    weight_bytes: int
    muladds: int | None
    activation_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, as for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        head = ("layer", "type", "output", "parameters", "mul-adds")
        rows = [(r.name, r.type, r.shape or "?", r.parameters, r.muladds) for r in self.rows]
        total = ("total", "", "", self.parameters, self.muladds)
        return html_table(head, [*rows, total], self.name)


@dataclass(frozen=True)
class TraceRow:
    """One executed layer, or several that the backend has made one step.

    Parameters
    ----------
    name, type
        Of the layer; joined by ``+`` where there are several. A step that only copies a value
        into another layout has the type ``"copy"``.
    shape
        Logical shape of the output.
    seconds, muladds
        Time and multiply-adds over the whole batch.
    kernel
        What ran, in words; empty for backends that run layer by layer.
    """

    name: str
    type: str
    shape: Shape
    seconds: float
    muladds: int
    kernel: str = ""


@dataclass(frozen=True)
class Trace:
    """One run, layer by layer or step by step, with the backend it ran on."""

    backend: str
    rows: tuple[TraceRow, ...]

    @property
    def seconds(self) -> float:
        """Sum over the layers."""
        return sum(row.seconds for row in self.rows)

    @property
    def muladds(self) -> int:
        """Sum over the layers."""
        return sum(row.muladds for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, as for JSON."""
        return {**asdict(self), "seconds": self.seconds, "muladds": self.muladds}

    def __str__(self) -> str:
        """Return one line a layer: time, mul-adds, kernel if there is one, output shape."""
        width = max((len(r.name) for r in self.rows), default=0)
        kinds = max((len(r.type) for r in self.rows), default=0)
        wide = max((len(r.kernel) for r in self.rows), default=0)
        lines = [
            f"{r.name:<{width}}  {r.type:<{max(kinds, 14)}} {r.seconds * 1e3:9.3f} ms  "
            f"{r.muladds:14,} mul-adds  {f'{r.kernel:<{wide}}  ' if wide else ''}{r.shape}"
            for r in self.rows
        ]
        total = f"total {self.seconds * 1e3:.3f} ms, {self.muladds:,} mul-adds on {self.backend}"
        return "\n".join([*lines, total])

    def _repr_html_(self) -> str:
        head = ["layer", "type", "output", "ms", "mul-adds"]
        cells = [[r.name, r.type, r.shape, f"{r.seconds * 1e3:.3f}", r.muladds] for r in self.rows]
        total = ["total", "", "", f"{self.seconds * 1e3:.3f}", self.muladds]
        if any(r.kernel for r in self.rows):
            head.append("kernel")
            total.append("")
            for cell, row in zip(cells, self.rows, strict=True):
                cell.append(row.kernel)
        return html_table(head, [*cells, total], self.backend)


def html_table(head: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> str:
    """Return a plain HTML table with escaped cells."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(title)}</caption><tr>{top}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


def info(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> Info:
    """Return the layer table at these input shapes, or at those that the model file names."""
    wanted = graph.nominal_shapes if shapes is None else shapes
    found: dict[str, Shape] | None = None
    if wanted is not None:
        try:
            found = graph.shapes(wanted)
        except ShapeError:
            if shapes is not None:
                raise
            # The nominal size is a remark of the file; a wrong one does not spoil the table.
            found = None
    rows = []
    for node in graph.nodes:
        held = sum(int(w.size) for w in node.weights.values())
        cost = node.op.muladds(*(found[v] for v in node.inputs)) if found else None
        shape = found[node.outputs[0]] if found else None
        rows.append(InfoRow(node.name, type(node.op).__name__, shape, held, cost))
    return Info(
        name=graph.name,
        inputs={s.name: (found[s.name] if found else s.shape) for s in graph.inputs},
        outputs=graph.outputs,
        rows=tuple(rows),
        parameters=graph.parameters,
        weight_bytes=graph.parameters * FLOAT,
        muladds=sum(r.muladds or 0 for r in rows) if found else None,
        activation_bytes=_peak(graph, found) if found else None,
    )


def _peak(graph: Graph, shapes: Mapping[str, Shape]) -> int:
    """Return the most bytes alive at once when every value dies after its last reader."""
    last = {value: len(graph.nodes) for value in graph.outputs}
    for at, node in reversed(list(enumerate(graph.nodes))):
        for value in (*node.inputs, *node.outputs):
            last.setdefault(value, at)
    size = {value: FLOAT * prod(shape) for value, shape in shapes.items()}
    alive = sum(size[s.name] for s in graph.inputs)
    peak = alive
    for at, node in enumerate(graph.nodes):
        alive += sum(size[value] for value in node.outputs)
        peak = max(peak, alive)
        alive -= sum(size[v] for v in {*node.inputs, *node.outputs} if last[v] == at)
    return peak


def trace(session: Session, x: Any) -> Trace:
    """Run a session's plan layer by layer, timing each after a warm-up.

    An executable that fuses layers gives the times of its own steps.
    """
    plan = session.plan(session.graph.outputs)
    backend = session.backend
    given = session.given(x, plan.graph)
    shapes = plan.graph.shapes({n: tuple(int(size) for size in a.shape) for n, a in given.items()})
    values: dict[str, Any] = {
        name: to_storage(backend.xp, backend.from_array(array)) for name, array in given.items()
    }
    part = plan.device_graph
    whole = plan.executable({s.name: shapes[s.name] for s in part.inputs}) if part.nodes else None
    if isinstance(whole, Traceable):
        inputs = {source.name: values[source.name] for source in part.inputs}
        nodes = {node.name: node for node in part.nodes}
        rows = [_step_row(step, nodes, shapes) for step in whole.trace(inputs)]
        values.update(whole(inputs))
    else:
        rows = _layer_rows(plan, backend, shapes, values)
    for node in plan.host_nodes:
        plan.run_host_node(node, values)
        start = perf_counter()
        plan.run_host_node(node, values)
        rows.append(_row(node, shapes, perf_counter() - start))
    return Trace(backend.name, tuple(rows))


def _layer_rows(
    plan: Plan, backend: Backend, shapes: Mapping[str, Shape], values: dict[str, Any]
) -> list[TraceRow]:
    """Run every node of the device's part alone, adding what it makes to ``values``."""
    rows = []
    for node in plan.device_graph.nodes:
        inputs = {value: values[value] for value in node.inputs}
        part = _single(node, shapes)
        run = backend.compile(
            part,
            {source.name: shapes[source.name] for source in part.inputs},
            {node.name: plan.weights[node.name]},
        )
        backend.synchronize(*run(inputs).values())
        start = perf_counter()
        outputs = run(inputs)
        backend.synchronize(*outputs.values())
        seconds = perf_counter() - start
        values.update(outputs)
        rows.append(_row(node, shapes, seconds))
    return rows


def _step_row(step: StepTime, nodes: Mapping[str, Node], shapes: Mapping[str, Shape]) -> TraceRow:
    held = [nodes[name] for name in step.nodes]
    kinds = "+".join(type(node.op).__name__ for node in held) or "copy"
    cost = sum(node.op.muladds(*(shapes[v] for v in node.inputs)) for node in held)
    return TraceRow(step.name, kinds, shapes[step.value], step.seconds, cost, step.kernel)


def _row(node: Node, shapes: Mapping[str, Shape], seconds: float) -> TraceRow:
    cost = node.op.muladds(*(shapes[v] for v in node.inputs))
    return TraceRow(node.name, type(node.op).__name__, shapes[node.outputs[0]], seconds, cost)


def _single(node: Node, shapes: Mapping[str, Shape]) -> Graph:
    """Return the graph of one node alone."""
    inputs = tuple(GraphInput(v, shapes[v]) for v in dict.fromkeys(node.inputs))
    return Graph(inputs, (node,), node.outputs)
