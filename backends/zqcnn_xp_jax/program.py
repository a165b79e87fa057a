"""One graph at one set of shapes as an XLA program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zqcnn_xp.executable import Walk
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Shape, Weights

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
            return self._run(staged, weights, inputs)

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

    XLA fuses a node into all readers of its output, so a depthwise layer of nine reads would
    compute its input nine times. A barrier behind each node costs nothing where that does not
    happen, halves the time of small networks where it does, and shortens compilation.
    """

    def _kernel(self, node: Node) -> Any:
        kernel = super()._kernel(node)
        if self.backend.device.platform != "cpu":
            return kernel

        def staged(weights: Weights, *xs: Array) -> tuple[Array, ...]:
            from jax import lax

            found: tuple[Array, ...] = lax.optimization_barrier(kernel(weights, *xs))
            return found

        return staged
