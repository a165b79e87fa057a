"""A loaded network: one graph on one backend, called like a function."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zqcnn_xp.backend import Backend, host_array
from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp.passes import optimize
from zqcnn_xp.plan import Plan
from zqcnn_xp.registry import get_backend

if TYPE_CHECKING:
    from zqcnn_xp.formats.limits import Limits
    from zqcnn_xp.report import Info, Trace

__all__ = ["Session", "load"]


def load(
    model: Any,
    weights: Any = None,
    *,
    backend: str | Backend | None = None,
    device: Any = None,
    strict: bool | None = None,
    fold: bool = True,
    compat: str | None = None,
    format: str | None = None,
    limits: Limits | None = None,
) -> Session:
    """Read a model file and make it ready to run.

    Parameters
    ----------
    model
        Path, binary file object or bytes: ``.zqparams`` text, or an ``.onnx`` file.
    weights
        The weight file of formats that have one (``.nchwbin``), likewise.
    backend, device, strict
        As in `get_backend`.
    fold
        Merge batch normalisation and activations into the products before them; exact.
    compat
        ``"zqcnn"`` reproduces the original's rules where they differ from the right ones.
    format
        Name of the reader, or None to tell it from the content.
    limits
        Bounds on what a file may ask for.

    Raises
    ------
    FormatError
        If the files do not hold what their format requires.
    BackendUnavailable
        If the backend cannot run here.

    Examples
    --------
    >>> text = b"Input name=data C=1\\nReLU name=act bottom=data top=out"
    >>> session = load(text, b"", backend="numpy")
    >>> session(np.float32([[[[-1, 2]]]]))["out"]
    array([[[[0., 2.]]]], dtype=float32)
    """
    from zqcnn_xp.formats import read_graph

    made = get_backend(backend, device=device, strict=strict)
    graph = read_graph(model, weights, format=format, limits=limits, fold=fold, compat=compat)
    return Session(graph, made, fold=fold)


class Session:
    """Run one network on one backend.

    Safe to call from several threads. Weights are put on the device once; each new set of
    input shapes is compiled once.

    Parameters
    ----------
    graph
        The network.
    backend
        A name, a `Backend`, or None for the configured one.
    fold
        Merge batch normalisation and activations into the products before them. A blob that is
        asked for is never merged away.
    """

    def __init__(
        self, graph: Graph, backend: str | Backend | None = None, *, fold: bool = True
    ) -> None:
        self.graph = graph.validate()
        self.backend = get_backend(backend)
        self.fold = fold
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._prepared: dict[str, dict[str, Array]] = {}
        self._own_nodes = frozenset(graph.nodes)
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        """Name, inputs, outputs, backend."""
        inputs = ", ".join(f"{s.name}{s.shape}" for s in self.graph.inputs)
        return (
            f"<Session {self.graph.name or 'network'}: {inputs} -> "
            f"{', '.join(self.graph.outputs)} on {self.backend.name}>"
        )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Logical shape of the first input; None where any size is admitted."""
        return self.graph.inputs[0].shape

    @property
    def blobs(self) -> tuple[str, ...]:
        """Names that ``outputs`` accepts."""
        return tuple(dict.fromkeys([*self.graph.blobs, *self.graph.values]))

    def __call__(
        self, x: Any, outputs: str | Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Run the network.

        Parameters
        ----------
        x
            (N, C, H, W) float32 array of any library, or a dict of arrays by input name.
        outputs
            Blobs to compute, by name; None for the network's outputs. Only what they need runs.

        Returns
        -------
        dict
            Arrays by blob name, logical layout (NCHW), of the caller's array type.

        Raises
        ------
        ShapeError
            If the network does not admit the shape.
        InputError
            If ``x`` is no float32 array.
        GraphError
            If there is no such blob.
        """
        names = self._names(outputs)
        plan = self.plan(tuple(self.graph.value(name) for name in names))
        given = self._given(x, plan.graph)
        sample = next(iter(given.values()))
        xp = self.backend.xp
        shapes = {name: tuple(int(size) for size in array.shape) for name, array in given.items()}
        for source in plan.graph.inputs:
            source.check(shapes[source.name])
        stored = {
            name: to_storage(np, array)
            if isinstance(array, np.ndarray)
            else to_storage(xp, self.backend.from_array(array))
            for name, array in given.items()
        }
        results = plan(stored, shapes)
        return {name: self._out(results[self.graph.value(name)], sample) for name in names}

    def plan(self, values: tuple[str, ...]) -> Plan:
        """Return the plan that computes these values, made on first use."""
        with self._lock:
            if values not in self._plans:
                graph = self.graph.subgraph(values)
                self._plans[values] = Plan(
                    optimize(graph) if self.fold else graph, self.backend, self._prepare
                )
            return self._plans[values]

    def trace(self, x: Any) -> Trace:
        """Run layer by layer: shape, time and mul-adds of each.

        Examples
        --------
        >>> session = load(b"Input name=a C=1\\nReLU name=r bottom=a top=b", b"", backend="numpy")
        >>> session.trace(np.ones((1, 1, 2, 2), np.float32)).rows[0].shape
        (1, 1, 2, 2)
        """
        from zqcnn_xp.report import trace

        return trace(self, x)

    def info(self, shapes: Mapping[str, Shape] | None = None) -> Info:
        """Return the layer table: shapes, parameters, mul-adds, memory.

        Parameters
        ----------
        shapes
            Logical shape of each input; None takes those that the file names.
        """
        from zqcnn_xp.report import info

        return info(self.graph, shapes)

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()

    def _names(self, outputs: str | Iterable[str] | None) -> tuple[str, ...]:
        if outputs is None:
            return self.graph.outputs
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        if not names:
            msg = "found an empty list of outputs, expected at least one blob name, or None"
            raise InputError(msg)
        return names

    def _given(self, x: Any, graph: Graph) -> dict[str, Any]:
        """Check the caller's arrays and name them."""
        wanted = [source.name for source in graph.inputs]
        if not isinstance(x, Mapping):
            x = {self.graph.inputs[0].name: x} if len(self.graph.inputs) == 1 else {"?": x}
        missing = [name for name in wanted if name not in x]
        if missing:
            msg = f"found inputs {sorted(x)}, expected a dict with {', '.join(wanted)}"
            raise InputError(msg)
        for name in wanted:
            dtype = getattr(x[name], "dtype", None)
            if dtype is None or not hasattr(x[name], "shape"):
                msg = f"input {name!r}: found {type(x[name]).__name__}, expected a float32 array"
                raise InputError(msg)
            if str(dtype).rpartition(".")[2] != "float32":
                msg = f"input {name!r}: found dtype {dtype}, expected float32"
                raise InputError(msg)
            if len(x[name].shape) != len(graph.inputs[wanted.index(name)].shape):
                graph.inputs[wanted.index(name)].check(tuple(x[name].shape))
        return {name: x[name] for name in wanted}

    def _prepare(self, node: Node) -> dict[str, Array]:
        # Plans share what is on the device for nodes that no pass has changed: those of the
        # graph itself, which lives as long as the session, so that an id names one node.
        if node not in self._own_nodes:
            return self.backend.prepare(node.op, node.weights)
        if node.name not in self._prepared:
            self._prepared[node.name] = self.backend.prepare(node.op, node.weights)
        return self._prepared[node.name]

    def _out(self, y: Any, sample: Any) -> Any:
        """Turn a stored result into a logical array of the caller's type."""
        y = to_logical(np if isinstance(y, np.ndarray) else self.backend.xp, y)
        if isinstance(sample, np.ndarray):
            return self.backend.to_numpy(y)
        if type(y) is type(sample):
            return y
        from array_api_compat import array_namespace

        xp = array_namespace(sample)
        if not isinstance(y, np.ndarray):
            try:
                return xp.from_dlpack(y)
            except (RuntimeError, TypeError, ValueError, BufferError, AttributeError):
                y = host_array(y)
        return xp.asarray(np.ascontiguousarray(y))
