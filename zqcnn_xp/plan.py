"""How a session computes one set of outputs: a device part, a host part, shared weights."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from array_api_compat import device as device_of

from zqcnn_xp.backend import Backend
from zqcnn_xp.buckets import round_up
from zqcnn_xp.errors import GraphError, ShapeError
from zqcnn_xp.executable import Executable
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.passes.reduce_precision import reduce_precision

__all__ = ["Plan"]

# Compiled shapes kept per plan. Pyramids of photos of all sizes would otherwise pile up.
MOST_SHAPES = 256


class Plan:
    """Run one graph on one backend at whatever input shapes come.

    Host ops (`Op.host`) and what depends on them run in NumPy after the compiled part. Safe to
    use from several threads.

    Parameters
    ----------
    graph
        With exactly the outputs to compute.
    backend
        Where to compute them.
    prepare
        Returns a node's weights on the backend; a session shares them between its plans.
    """

    def __init__(
        self, graph: Graph, backend: Backend, prepare: Callable[[Node], dict[str, Array]]
    ) -> None:
        self.graph = graph
        self.backend = backend
        self.device_graph, self.host_nodes = _split(graph)
        if backend.dtype != "float32":
            self.device_graph = reduce_precision(self.device_graph, backend.dtype)
        self.weights: dict[str, Weights] = {n.name: prepare(n) for n in self.device_graph.nodes}
        self._executables: OrderedDict[tuple[Shape, ...], Executable] = OrderedDict()
        self._admitted: dict[tuple[Shape, ...], int | None] = {}
        self._lock = threading.Lock()
        self._compiling = threading.Lock()

    def executable(self, shapes: Mapping[str, Shape]) -> Executable:
        """Return the compiled device part for these input shapes, compiling it once."""
        key = tuple(shapes[source.name] for source in self.device_graph.inputs)
        found = self._known(key)
        if found is None:
            # One at a time: threads that meet a new shape together must not all compile it.
            with self._compiling:
                found = self._known(key)
                if found is None:
                    found = self.backend.compile(self.device_graph, shapes, self.weights)
                    with self._lock:
                        self._executables[key] = found
                        while len(self._executables) > MOST_SHAPES:
                            self._executables.popitem(last=False)
        return found

    def _known(self, key: tuple[Shape, ...]) -> Executable | None:
        with self._lock:
            found = self._executables.get(key)
            if found is not None:
                self._executables.move_to_end(key)
            return found

    def direct(self, shape: Shape) -> Executable | None:
        """Return what alone computes the outputs at this shape of the one input.

        None where more is to do: several inputs, host ops behind, or a batch to round up.
        """
        if len(self.graph.inputs) != 1 or self.host_nodes or not self.device_graph.nodes:
            return None
        shapes = {self.graph.inputs[0].name: shape}
        return None if self._admit(shapes) is not None else self.executable(shapes)

    def __call__(
        self, inputs: Mapping[str, Array], shapes: Mapping[str, Shape]
    ) -> dict[str, Array]:
        """Compute the outputs from stored inputs of these logical shapes; all in storage layout.

        Inputs are NumPy arrays or the backend's; outputs are NumPy where all inputs were, and
        where host ops made them, and the backend's otherwise.

        Raises
        ------
        ShapeError
            If the network does not admit the shapes: an op refuses them, or weights made for
            another size do not fit.
        """
        bucket = self._admit(shapes)
        values = dict(inputs)
        if self.device_graph.nodes:
            names = [source.name for source in self.device_graph.inputs]
            given = {name: inputs[name] for name in names}
            values.update(self._run_device(given, {name: shapes[name] for name in names}, bucket))
        for node in self.host_nodes:
            self.run_host_node(node, values)
        return {value: values[value] for value in self.graph.outputs}

    def _run_device(
        self, inputs: dict[str, Array], shapes: Mapping[str, Shape], wanted: int | None
    ) -> dict[str, Array]:
        # Arrays from the host are padded, and cropped again, on the host: a backend that
        # compiles would compile these little steps for every count.
        on_host = all(isinstance(x, np.ndarray) for x in inputs.values())
        count = next(iter(inputs.values())).shape[0] if wanted is not None else 0
        if wanted is not None:
            inputs = {name: self._padded(x, wanted) for name, x in inputs.items()}
            shapes = {name: (wanted, *shape[1:]) for name, shape in shapes.items()}
        placed = {
            name: self.backend.from_numpy(x) if isinstance(x, np.ndarray) else x
            for name, x in inputs.items()
        }
        outputs = self.executable(shapes)(placed)
        if on_host:
            outputs = {name: self.backend.to_numpy(y) for name, y in outputs.items()}
        if wanted is not None:
            outputs = {name: y[:count, ...] for name, y in outputs.items()}
        return outputs

    def _padded(self, x: Array, count: int) -> Array:
        """Add samples of zeros."""
        xp = np if isinstance(x, np.ndarray) else self.backend.xp
        rest = xp.zeros((count - x.shape[0], *x.shape[1:]), dtype=x.dtype, device=device_of(x))
        return xp.concat([x, rest], axis=0)

    def _admit(self, shapes: Mapping[str, Shape]) -> int | None:
        """Check shapes that are met for the first time; return the batch to round up to."""
        key = tuple(shapes[source.name] for source in self.graph.inputs)
        with self._lock:
            if key in self._admitted:
                return self._admitted[key]
        try:
            self.graph.check_weights(shapes)
        except GraphError as error:
            # The graph held for the size it was made for, so the input is what is wrong.
            raise ShapeError(str(error)) from error
        found = self._batch_bucket({s.name: shapes[s.name] for s in self.device_graph.inputs})
        with self._lock:
            if len(self._admitted) >= MOST_SHAPES:
                self._admitted.clear()
            self._admitted[key] = found
        return found

    def _batch_bucket(self, shapes: Mapping[str, Shape]) -> int | None:
        """Return the batch to round up to, or None where the exact one has to be run.

        Rounding is legal only if every value keeps samples apart along its first axis.
        """
        counts = {shape[:1] for shape in shapes.values()}
        if not self.backend.jits or len(counts) != 1 or () in counts:
            return None
        ((count,),) = counts
        wanted = round_up(count)
        if wanted == count or any(node.op.mixes_batch for node in self.device_graph.nodes):
            return None
        exact = self.device_graph.shapes(shapes)
        try:
            rounded = self.device_graph.shapes({n: (wanted, *s[1:]) for n, s in shapes.items()})
        except ShapeError:
            return None
        # The first axis, and no other, has to follow the batch in every value.
        apart = all(s[:1] == (count,) and rounded[n] == (wanted, *s[1:]) for n, s in exact.items())
        return wanted if apart else None

    def run_host_node(self, node: Node, values: dict[str, Array]) -> None:
        """Compute one host node in NumPy and add its outputs to ``values``."""
        xs = [
            x if isinstance(x, np.ndarray) else self.backend.to_numpy(x)
            for x in (values[value] for value in node.inputs)
        ]
        outputs = node.op.forward(np, node.weights, *xs)
        values.update(zip(node.outputs, outputs, strict=True))


def _split(graph: Graph) -> tuple[Graph, tuple[Node, ...]]:
    """Cut a graph into the part before all host ops, and the host nodes behind it."""
    on_host: set[str] = set()
    device: list[Node] = []
    host: list[Node] = []
    for node in graph.nodes:
        if node.op.host or on_host.intersection(node.inputs):
            host.append(node)
            on_host.update(node.outputs)
        else:
            device.append(node)
    if not host:
        return graph, ()
    made = {value for node in device for value in node.outputs}
    needed = [v for node in host for v in node.inputs] + list(graph.outputs)
    # The graph's inputs are at hand on the host: they need not travel.
    outputs = tuple(dict.fromkeys(v for v in needed if v in made))
    cut = replace(graph, nodes=tuple(device), outputs=outputs, blobs={})
    return cut.subgraph(outputs), tuple(host)
