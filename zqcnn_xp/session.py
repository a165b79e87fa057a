"""A loaded network: one graph on one backend, called like a function."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from zqcnn_xp.backend import Backend, host_array
from zqcnn_xp.calls import Calls
from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Array, Shape
from zqcnn_xp.passes import optimize, swap_rgb_bgr
from zqcnn_xp.plan import Plan
from zqcnn_xp.precision import check_precision, check_range
from zqcnn_xp.registry import get_backend

if TYPE_CHECKING:
    from zqcnn_xp.formats.limits import Limits
    from zqcnn_xp.precision import PrecisionReport
    from zqcnn_xp.report import Info, Trace

__all__ = ["Session", "load"]

# Sets of outputs kept per session; each may hold folded weights of its own.
MOST_PLANS = 32


def load(
    model: Any,
    weights: Any = None,
    *,
    backend: str | Backend | None = None,
    device: Any = None,
    strict: bool | None = None,
    threads: int | None = None,
    fold: bool = True,
    compat: str | None = None,
    format: str | None = None,
    limits: Limits | None = None,
    precision: str = "float32",
    calibration: Any = None,
    **options: Any,
) -> Session:
    r"""Read a model file and make it ready to run.

    Parameters
    ----------
    model
        Path, binary file object or bytes of a model of any known format; or the name of a model
        that has a card (``zqcnn-xp models list``), with ``/`` and the network's name where it has
        several. Named files are fetched if they are not here.
    weights
        The weight file of formats that have one (``.nchwbin``, ``.weights``,
        ``.caffemodel``, ``.params``, ``.bin``), likewise; None looks beside the model.
    backend, device, strict, threads
        As in `get_backend`.
    fold
        Merge batch normalisation and activations into the products before them; exact.
    compat
        ``"zqcnn"`` reproduces the original's rules where they differ from the right ones.
    format
        Name of the reader, or None to tell it from the content.
    limits
        Bounds on what a file may ask for.
    precision, calibration
        As in `Session`.
    **options
        Those of the reader alone: ``input_size=(height, width)`` where a file names none,
        ``bn_eps`` for Darknet.

    Raises
    ------
    FormatError
        If the files do not hold what their format requires.
    BackendUnavailable
        If the backend cannot run here.
    OSError
        If a path cannot be read.
    ModelUnavailable
        If a named model's file is not here and cannot be had.

    Examples
    --------
    >>> text = b"Input name=data C=1\nReLU name=act bottom=data top=out"
    >>> session = load(text, b"", backend="numpy")
    >>> session(np.float32([[[[-1, 2]]]]))["out"]
    array([[[[0., 2.]]]], dtype=float32)
    """
    from zqcnn_xp.formats import read_graph

    made = get_backend(backend, device=device, strict=strict, threads=threads)
    common: dict[str, Any] = {"limits": limits, "fold": fold, "compat": compat}
    graph = read_graph(model, weights, format=format, **common, **options)
    return Session(graph, made, fold=fold, precision=precision, calibration=calibration)


class Session:
    """Run one network on one backend.

    Safe to call from several threads. Weights are put on the device once, those that folding
    changes once for each set of outputs; each new set of input shapes is compiled once.

    Parameters
    ----------
    graph
        The network.
    backend
        A name, a `Backend`, or None for the configured one.
    fold
        Merge batch normalisation and activations into the products before them. A blob that is
        asked for is never merged away.
    precision
        Type of weights and activations: ``"float32"``, or ``"float16"`` or ``"bfloat16"`` where
        the backend has it. Inputs and outputs stay float32, and so do ops that sum squares or
        exponentials. NumPy has no fast float16: on a CPU this saves memory, not time.
    calibration
        With a shorter ``precision``, an input that stands for what will come; None takes seeded
        values in [-1, 1]. The largest activations on it decide whether the type is accepted.

    Raises
    ------
    PrecisionError
        If a weight, or an activation on the calibration input, is too large for the type.
    """

    def __init__(
        self,
        graph: Graph,
        backend: str | Backend | None = None,
        *,
        fold: bool = True,
        precision: str = "float32",
        calibration: Any = None,
    ) -> None:
        self.graph = graph.validate()
        self.backend = get_backend(backend)
        self.fold = fold
        self.precision = check_precision(precision)
        self._plans: OrderedDict[tuple[str, ...], Plan] = OrderedDict()
        self._prepared: dict[str, dict[str, Array]] = {}
        self._calls = Calls()
        self._own_nodes = {node.name: node for node in graph.nodes}
        self._lock = threading.RLock()
        if self.precision != self.backend.dtype:
            self.backend = self.backend.with_dtype(self.precision)
        if self.precision != "float32":
            check_range(graph, fold, self.precision, calibration)

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

    def __call__(self, x: Any, outputs: str | Iterable[str] | None = None) -> dict[str, Any]:
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
        again = self._calls.find(x, outputs)
        if again is not None:
            return again(x)
        values = self._values(outputs)
        plan = self.plan(tuple(values.values()))
        given = self.given(x, plan.graph)
        shapes = {name: tuple(int(size) for size in array.shape) for name, array in given.items()}
        stored = {name: self._stored(array) for name, array in given.items()}
        results = plan(stored, shapes)
        self._calls.keep(x, outputs, plan, values)
        sample = next(iter(given.values()), None)
        return {name: self._out(results[value], sample) for name, value in values.items()}

    def plan(self, values: tuple[str, ...]) -> Plan:
        """Return the plan that computes these values, made on first use."""
        key = tuple(dict.fromkeys(values))
        with self._lock:
            found = self._plans.get(key)
            if found is None:
                graph = self.graph.subgraph(key)
                found = Plan(optimize(graph) if self.fold else graph, self.backend, self._prepare)
                self._plans[key] = found
                while len(self._plans) > MOST_PLANS:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            return found

    def given(self, x: Any, graph: Graph) -> dict[str, Any]:
        """Return the caller's arrays by input name, checked, those that ``graph`` reads.

        Raises
        ------
        InputError
            If an input is missing, unknown, or no float32 array.
        ShapeError
            If the network does not admit its shape.
        """
        wanted = {source.name: source for source in graph.inputs}
        if not isinstance(x, Mapping):
            if len(wanted) > 1:
                msg = f"found one array, expected a dict of arrays for {', '.join(wanted)}"
                raise InputError(msg)
            x = dict.fromkeys(wanted, x)
        known = [source.name for source in self.graph.inputs]
        for name in x:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                msg = f"found input {name!r}, expected {', '.join(known)}{hint}"
                raise InputError(msg)
        for name, source in wanted.items():
            if name not in x:
                msg = f"found no array for input {name!r}, expected a dict with {', '.join(wanted)}"
                raise InputError(msg)
            _check_array(name, x[name])
            source.check(tuple(int(size) for size in x[name].shape))
        return {name: x[name] for name in wanted}

    def swap_rgb_bgr(self, layer_names: Iterable[str] | None = None) -> Session:
        """Return a session of the network that takes images of the other colour order.

        Parameters
        ----------
        layer_names
            Layers whose input channels 0 and 2 are exchanged; None takes those that read the
            input. See `zqcnn_xp.passes.swap_rgb_bgr`.
        """
        graph = swap_rgb_bgr(self.graph, layer_names)
        made = Session(graph, self.backend.with_dtype("float32"), fold=self.fold)
        if self.precision != "float32":
            # Checked when this session was made; exchanged channels are no larger.
            made.backend, made.precision = self.backend, self.precision
        return made

    def trace(self, x: Any) -> Trace:
        r"""Run layer by layer: shape, time and mul-adds of each.

        Every layer runs once unmeasured, then once measured. Layers of the device come first,
        then those of the host; a layer that folding has merged is part of its producer's row.
        A backend that makes steps of several layers (``llvm``) shows its own steps and their
        kernels, the usual time of each, in one thread.

        Parameters
        ----------
        x
            As in a call.

        Examples
        --------
        >>> session = load(b"Input name=a C=1\nReLU name=r bottom=a top=b", b"", backend="numpy")
        >>> session.trace(np.ones((1, 1, 2, 2), np.float32)).rows[0].shape
        (1, 1, 2, 2)
        """
        from zqcnn_xp.report import trace

        return trace(self, x)

    def precision_report(self, x: Any) -> PrecisionReport:
        """Compare with float32 on one input: the error of each output, the largest activation.

        Parameters
        ----------
        x
            As in a call.
        """
        from zqcnn_xp.precision import report

        return report(self, x)

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

    def _values(self, outputs: str | Iterable[str] | None) -> dict[str, str]:
        """Return the values behind the requested names."""
        if outputs is None:
            return {value: value for value in self.graph.outputs}
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        if not names or not all(isinstance(name, str) for name in names):
            msg = f"found outputs {outputs!r}, expected at least one blob name, or None for all"
            raise InputError(msg)
        return {name: self.graph.value(name) for name in names}

    def _stored(self, array: Any) -> Array:
        # What is NumPy stays so for now: the plan may have to pad it before it travels.
        if isinstance(array, np.ndarray):
            return to_storage(np, array)
        return to_storage(self.backend.xp, self.backend.from_array(array))

    def _prepare(self, node: Node) -> dict[str, Array]:
        # Plans share what is on the device for nodes whose op and weights no pass has changed.
        own = self._own_nodes.get(node.name)
        if own is None or own.op is not node.op or own.weights is not node.weights:
            return self.backend.prepare_node(node.op, node.weights)
        if node.name not in self._prepared:
            self._prepared[node.name] = self.backend.prepare_node(node.op, node.weights)
        return self._prepared[node.name]

    def _out(self, y: Any, sample: Any) -> Any:
        """Turn a stored result into a logical array of the caller's type."""
        y = to_logical(np if isinstance(y, np.ndarray) else self.backend.xp, y)
        if sample is None or isinstance(sample, np.ndarray):
            return self.backend.to_numpy(y)
        if type(y) is type(sample):
            return y
        xp = array_namespace(sample)
        try:
            return xp.from_dlpack(y)
        except (RuntimeError, TypeError, ValueError, BufferError, AttributeError):
            # Another device, or memory that the caller's library does not take: by a copy.
            return xp.asarray(np.ascontiguousarray(host_array(y)))


def _check_array(name: str, x: Any) -> None:
    """Refuse what is no float32 array of a library whose arrays can be given back."""
    dtype = getattr(x, "dtype", None)
    if dtype is None or not hasattr(x, "shape"):
        msg = f"input {name!r}: found {type(x).__name__}, expected a float32 array"
        raise InputError(msg)
    if str(dtype).rpartition(".")[2] != "float32":
        msg = f"input {name!r}: found dtype {dtype}, expected float32; convert the array first"
        raise InputError(msg)
    if isinstance(x, np.ndarray):
        return
    try:
        array_namespace(x)
    except TypeError as error:
        msg = (
            f"input {name!r}: found {type(x).__module__}.{type(x).__name__}, expected an array "
            "of NumPy or of a library of the Array API; convert it to NumPy"
        )
        raise InputError(msg) from error
