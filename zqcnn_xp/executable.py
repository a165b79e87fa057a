"""What `Backend.compile` returns, and the plain one: a walk over the nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.base import Array, Shape, Weights

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend

__all__ = ["Executable", "StepTime", "Traceable", "Walk"]


class Executable(Protocol):
    """A compiled graph: stored inputs by name in, stored outputs by value name out.

    One that does not run node by node may also be `Traceable`.
    """

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once."""
        ...


@dataclass(frozen=True)
class StepTime:
    """What an executable did in one step, and its time.

    Parameters
    ----------
    nodes
        Names of the nodes that the step stands for; none where it only copies a value.
    name
        Of the step.
    kernel
        What ran, in words.
    value
        The value that the step made.
    seconds
        Time over the whole batch.
    """

    nodes: tuple[str, ...]
    name: str
    kernel: str
    value: str
    seconds: float


@runtime_checkable
class Traceable(Executable, Protocol):
    """An executable that fuses nodes, and can tell what its own steps take.

    Compiling every node alone would show another program than the one that runs.
    """

    def trace(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """Run on stored inputs, and return the steps in the order in which they ran."""
        ...


class Walk:
    """Call the kernel or the reference of every node in turn.

    Values are dropped after their last use, so memory follows the widest part of the graph.
    Stateless between calls: one instance may run in many threads.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        backend: Backend,
        weights: Mapping[str, Weights],
    ) -> None:
        self.graph = graph
        self.backend = backend
        self.weights = weights
        self.shapes = graph.shapes(shapes)
        self.kernels = [self._kernel(node) for node in graph.nodes]
        self.dying = _last_uses(graph)

    def _kernel(self, node: Node) -> Any:
        backend = self.backend
        if backend.dtype != "float32" and not backend.reduced_kernels:
            xp, forward = backend.xp, node.op.forward
            return lambda w, *xs: forward(xp, w, *xs)
        native = backend.kernel(node.op, *(self.shapes[v] for v in node.inputs))
        if native is not None:
            return native
        xp, forward = self.backend.xp, node.op.forward
        return lambda w, *xs: forward(xp, w, *xs)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run with the prepared weights."""
        return self.run(inputs, self.weights)

    def run(self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]) -> dict[str, Array]:
        """Run with weights given as arguments, as a tracing backend needs."""
        values = dict(inputs)
        for node, kernel, dying in zip(self.graph.nodes, self.kernels, self.dying, strict=True):
            outputs = kernel(weights[node.name], *(values[v] for v in node.inputs))
            values.update(zip(node.outputs, outputs, strict=True))
            for value in dying:
                del values[value]
        return {value: values[value] for value in self.graph.outputs}


def _last_uses(graph: Graph) -> list[tuple[str, ...]]:
    """Return, for each node, the values that nothing after it reads."""
    keep = set(graph.outputs)
    seen: set[str] = set(keep)
    dying: list[tuple[str, ...]] = []
    for node in reversed(graph.nodes):
        used = dict.fromkeys((*node.inputs, *node.outputs))
        dying.append(tuple(v for v in used if v not in seen))
        seen.update(used)
    return dying[::-1]
