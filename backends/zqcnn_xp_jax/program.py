"""One graph at one set of shapes as an XLA program."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from zqcnn_xp.executable import Walk
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp_jax.kernels import reads_often
from zqcnn_xp_jax.winograd import WINOGRAD

if TYPE_CHECKING:
    from zqcnn_xp_jax.backend import JaxBackend

__all__ = ["Program"]


class Program:
    """The walk over a graph, traced once and compiled ahead of its first call.

    Immutable after construction: any number of threads may call it.
    """

    def __init__(
        self,
        backend: JaxBackend,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights],
    ) -> None:
        import jax

        self.backend = backend
        self.weights = {node.name: dict(weights[node.name]) for node in graph.nodes}
        self.inputs = tuple(source.name for source in graph.inputs)
        self.walk = Walk(graph, shapes, backend, self.weights)
        staged = _StagedWalk(graph, shapes, backend, self.weights)
        placed = jax.sharding.SingleDeviceSharding(backend.device)

        def described(shape: Shape, dtype: Any) -> Any:
            return jax.ShapeDtypeStruct(shape, dtype, sharding=placed)

        def run(weights: Mapping[str, Weights], inputs: Mapping[str, Array]) -> dict[str, Array]:
            return self._run(staged.switched(_true(inputs)), weights, inputs)

        lowered = jax.jit(run).lower(
            jax.tree.map(lambda w: described(w.shape, w.dtype), self.weights),
            {name: described(storage_shape(shapes[name]), "float32") for name in self.inputs},
        )
        self.compiled = lowered.compile()

    def _run(
        self, walk: Walk, weights: Mapping[str, Weights], inputs: Mapping[str, Array]
    ) -> dict[str, Array]:
        import jax

        self.backend.count_trace()
        with jax.default_matmul_precision(self.backend.precision):
            return walk.run(inputs, weights)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; inside another JAX transformation, become part of it."""
        import jax

        given = {name: inputs[name] for name in self.inputs}
        if any(isinstance(x, jax.core.Tracer) for x in given.values()):
            return self._run(self.walk, self.weights, given)
        found: dict[str, Array] = self.compiled(self.weights, given)
        return found


class _StagedWalk(Walk):
    """A walk whose nodes are separate stages on a CPU.

    XLA fuses a node into all readers of its output, so a depthwise layer of nine reads computes
    its input nine times. A barrier behind each node says that it should not, but XLA for CPUs may
    drop barriers before it fuses. What it cannot merge is a branch that depends on a value:
    nodes that are dear to repeat run in one that is always taken, which costs some microseconds.
    """

    _on: Any = None

    def switched(self, on: Array | None) -> _StagedWalk:
        """Return this walk with the value that its branches depend on, or None for no branches."""
        made = copy(self)
        made._on = on
        made.kernels = [made._kernel(node) for node in made.graph.nodes]
        return made

    def _kernel(self, node: Node) -> Any:
        kernel = super()._kernel(node)
        if self.backend.device.platform != "cpu" or self._on is None:
            return kernel
        alone = self._dear(node) and any(
            not set(node.outputs).isdisjoint(other.inputs) and self._repeats(other)
            for other in self.graph.nodes
        )

        def staged(weights: Weights, *xs: Array) -> tuple[Array, ...]:
            from jax import lax

            if alone:
                return _branch(self._on, kernel, weights, *xs)
            found: tuple[Array, ...] = lax.optimization_barrier(kernel(weights, *xs))
            return found

        return staged

    def _dear(self, node: Node) -> bool:
        """Tell whether the last loop of a node is one that XLA fuses and better did not."""
        return self._repeats(node) or WINOGRAD in self.weights[node.name]

    def _repeats(self, node: Node) -> bool:
        """Tell whether a node reads its input many times, in a loop that XLA fuses."""
        return reads_often(node.op, *(self.shapes[value] for value in node.inputs))


def _true(inputs: Mapping[str, Array]) -> Array | None:
    """Return a true value that XLA has to compute, or None where there is nothing to compute."""
    for x in inputs.values():
        if x.size:
            first = x[(0,) * x.ndim]
            return (first == first) | (first != first)
    return None


def _branch(on: Array, kernel: Any, weights: Weights, *xs: Array) -> tuple[Array, ...]:
    import jax
    import jax.numpy as jnp

    made = jax.eval_shape(kernel, weights, *xs)

    def nothing(given: Any) -> tuple[Array, ...]:
        return tuple(jnp.zeros(y.shape, y.dtype) for y in made)

    found: tuple[Array, ...] = jax.lax.cond(
        on, lambda given: kernel(*given), nothing, (weights, *xs)
    )
    return found
