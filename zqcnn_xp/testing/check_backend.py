"""The conformance suite that any backend plugin has to pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Availability, Backend
from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.layout import logical_shape, storage_shape
from zqcnn_xp.ops import Activation, Concat, Conv2D, Dense, Elementwise, Pool2D, PReLU, Softmax
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.testing.cases import OpCase, op_cases
from zqcnn_xp.testing.check_op import CheckError, random_weights
from zqcnn_xp.testing.conformance import ConformanceReport, Judge

__all__ = ["check_backend"]


def check_backend(
    backend: Backend,
    *,
    rtol: float = 1e-5,
    cases: Iterable[OpCase] | None = None,
    jit: Callable[[Any], Any] | None = None,
) -> ConformanceReport:
    """Check that a backend does what `zqcnn_xp.backend.Backend` promises.

    Arrays to and from NumPy and through DLPack; the reference, the kernel and a compiled graph
    of every op at many shapes, against NumPy in float64; prepared weights; several shapes of
    one graph; results that later calls leave alone; threads; a device that does not exist.

    Parameters
    ----------
    backend
        An instance, on the device to check.
    rtol
        Largest error allowed, relative to the largest expected magnitude or 1.
    cases
        Op cases to run; None for `op_cases`.
    jit
        Applied to a function of arrays before it is called, for example ``jax.jit``: where every
        step is compiled, references and kernels take minutes without it.

    Returns
    -------
    ConformanceReport
        How many comparisons were made, and what could not be checked.

    Raises
    ------
    ConformanceError
        At the first failure; an ``AssertionError`` that prints the whole case.
    InputError
        If this is no `Backend`.

    Examples
    --------
    >>> from zqcnn_xp import get_backend
    >>> report = check_backend(get_backend("numpy"), cases=[])
    >>> report.counts["threads"] > 0, report.skipped
    (True, ())
    """
    if not isinstance(backend, Backend):
        msg = f"found {type(backend).__name__}, expected an instance of a subclass of Backend"
        raise InputError(msg)
    started = time.perf_counter()
    judge = Judge(backend, rtol)
    _plugin(judge)
    _arrays(judge)
    _imports(judge)
    for case in op_cases() if cases is None else cases:
        _op(judge, case, jit)
    _graphs(judge)
    _threads(judge)
    _device(judge)
    seconds = time.perf_counter() - started
    return ConformanceReport(
        repr(backend), dict(judge.counts), judge.largest_error, seconds, tuple(judge.skipped)
    )


def _plugin(judge: Judge) -> None:
    kind = type(judge.backend)
    judge.demand(
        isinstance(kind.name, str) and bool(kind.name), "plugin", "name", kind.name, "a string"
    )
    judge.demand(isinstance(kind.jits, bool), "plugin", "jits", kind.jits, "a bool")
    found = kind.probe()
    ready = isinstance(found, Availability) and found.ready
    judge.demand(ready, "plugin", "probe()", found, "Availability(ready=True)")
    score, reason = kind.auto_score()
    fits = isinstance(score, int) and score >= 0 and isinstance(reason, str)
    judge.demand(fits, "plugin", "auto_score()", (score, reason), "(int >= 0, str)")


def _arrays(judge: Judge) -> None:
    backend = judge.backend
    grid = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 3e38], np.float32)
    frozen = grid.copy()
    frozen.flags.writeable = False
    sources: dict[str, NDArray[np.float32]] = {
        "4 axes": grid,
        "transposed": grid.transpose(0, 2, 3, 1),
        "every second": grid[:, ::2, :, ::-1],
        "read-only": frozen,
        "no axes": np.full((), 3.5, np.float32),
        "no elements": grid[:0],
        "2 axes": grid.reshape(6, 20),
        "not finite": odd,
    }
    for case, x in sources.items():
        before = x.copy()
        y = backend.from_numpy(x)
        judge.same("arrays", f"from_numpy, to_numpy: {case}", y, before)
        untouched = np.array_equal(x, before, equal_nan=True)
        judge.demand(untouched, "arrays", case, "a changed source", "it untouched")
    backend.synchronize()
    backend.synchronize(backend.from_numpy(grid), backend.from_numpy(odd))


class _Exporter:
    """An array of some other library: nothing but DLPack."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        self._x = x

    def __dlpack__(self, **options: Any) -> Any:
        return self._x.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._x.__dlpack_device__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        # The way by the host, for devices that cannot import the host's memory.
        return np.array(self._x, dtype=dtype)


def _imports(judge: Judge) -> None:
    backend = judge.backend
    x = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    judge.same("imports", "from_array: NumPy", backend.from_array(x), x)
    judge.same("imports", "from_array: its own", backend.from_array(backend.from_numpy(x)), x)
    judge.same("imports", "from_array: DLPack", backend.from_array(_Exporter(x)), x)
    turned = x.transpose(0, 2, 3, 1)
    judge.same(
        "imports", "from_array: strided DLPack", backend.from_array(_Exporter(turned)), turned
    )
    for wrong in ("text", None, object()):
        case = f"from_array: {type(wrong).__name__}"
        try:
            found: Any = backend.from_array(wrong)
        except InputError as error:
            found = error
        judge.demand(isinstance(found, InputError), "imports", case, repr(found), "InputError")
    y = backend.from_numpy(x)
    place = getattr(y, "__dlpack_device__", None)
    if place is None or int(place()[0]) != 1:
        judge.skipped.append("export through DLPack to NumPy: the arrays are not on the CPU")
    else:
        exported = np.array(np.from_dlpack(y))
        judge.demand(np.array_equal(exported, x), "imports", "DLPack export", exported, x)


def _op(judge: Judge, case: OpCase, jit: Callable[[Any], Any] | None) -> None:
    try:
        _run_op(judge, case, jit or (lambda function: function))
    except CheckError:
        raise
    except Exception as error:  # a plugin may raise anything, which is what is reported
        judge.demand(False, "op", case, repr(error), "results")


def _run_op(judge: Judge, case: OpCase, jit: Callable[[Any], Any]) -> None:
    backend, op = judge.backend, case.op
    inputs, weights, wanted = case.inputs(), case.weights(), case.expected()
    _frozen(weights.values())
    _frozen(inputs)
    shapes = op.infer(*case.shapes)
    plain = {name: backend.from_numpy(w) for name, w in weights.items()}
    given = tuple(backend.from_numpy(x) for x in inputs)
    prepared = backend.prepare(op, weights)
    kernel = backend.kernel(op, *case.shapes)

    def both(plain: Any, prepared: Any, *xs: Any) -> tuple[Any, Any]:
        reference = op.forward(backend.xp, plain, *xs)
        return reference, None if kernel is None else kernel(prepared, *xs)

    reference, native = jit(both)(plain, prepared, *given)
    _outputs(judge, "reference", case, reference, wanted)
    if kernel is not None:
        _outputs(judge, "kernel", case, native, wanted)
    _untouched(judge, case, given, inputs)
    names = tuple(f"x{i}" for i in range(len(inputs)))
    outputs = tuple(f"y{i}" for i in range(len(shapes)))
    graph = Graph(
        tuple(GraphInput(n, s) for n, s in zip(names, case.shapes, strict=True)),
        (Node("node", op, names, outputs, weights),),
        outputs,
    )
    run = backend.compile(graph, dict(zip(names, case.shapes, strict=True)), {"node": prepared})
    results = run(dict(zip(names, given, strict=True)))
    judge.demand(
        set(results) == set(outputs), "compiled op", case, sorted(results), sorted(outputs)
    )
    _outputs(judge, "compiled op", case, [results[name] for name in outputs], wanted)
    _untouched(judge, case, given, inputs)


def _untouched(judge: Judge, case: OpCase, given: Any, inputs: Any) -> None:
    for y, x in zip(given, inputs, strict=True):
        judge.same("inputs untouched", case, y, x)


def _outputs(judge: Judge, check: str, case: OpCase, found: Any, wanted: Any) -> None:
    judge.demand(len(found) == len(wanted), check, case, f"{len(found)} outputs", len(wanted))
    for y, wish, shape in zip(found, wanted, case.op.infer(*case.shapes), strict=True):
        fits = tuple(wish.shape) == storage_shape(shape)
        judge.demand(fits, check, case, f"infer gives {shape}", logical_shape(wish))
        judge.same(check, case, y, np.asarray(wish))


def _frozen(arrays: Iterable[NDArray[Any]]) -> None:
    # Whoever writes to the caller's memory raises at once.
    for array in arrays:
        array.flags.writeable = False


def _network() -> Graph:
    """Return a small net with a branch, fused activations, and an output inside of it."""
    shape: Shape = (1, 3, 16, 16)
    layers = (
        ("stem", Conv2D(12, (3, 3), (2, 2), pads=(1, 1, 1, 1), activation=PReLU()), ("x",)),
        ("deep", Conv2D(12, (3, 3), pads="same_upper", groups=12), ("stem",)),
        ("point", Conv2D(12, (1, 1), activation=Activation("relu")), ("deep",)),
        ("sum", Elementwise("sum"), ("stem", "point")),
        ("pool", Pool2D("max", (2, 2), (2, 2), ceil=True), ("sum",)),
        ("cat", Concat(1), ("pool", "pool")),
        ("mean", Pool2D("average", None), ("cat",)),
        ("fc", Dense(7), ("mean",)),
        ("prob", Softmax(1), ("fc",)),
    )
    shapes = {"x": shape}
    nodes = []
    for seed, (name, op, inputs) in enumerate(layers):
        given = [shapes[value] for value in inputs]
        weights = random_weights(op, *given, seed=seed)
        nodes.append(Node(name, op, inputs, (name,), {n: w * 0.5 for n, w in weights.items()}))
        shapes[name] = op.infer(*given)[0]
        _frozen(nodes[-1].weights.values())
    source = GraphInput("x", (None, 3, None, None), shape)
    return Graph((source,), tuple(nodes), ("prob", "sum")).validate()


def _reference(graph: Graph, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    from array_api_compat import numpy as xp

    values: dict[str, Any] = {"x": x.astype(np.float64)}
    for node in graph.nodes:
        weights = {name: w.astype(np.float64) for name, w in node.weights.items()}
        outputs = node.op.forward(xp, weights, *(values[v] for v in node.inputs))
        values.update(zip(node.outputs, outputs, strict=True))
    return {name: values[name] for name in graph.outputs}


def _drawn(shape: Shape, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal(storage_shape(shape))
    return drawn.astype(np.float32)


def _graphs(judge: Judge) -> None:
    backend, graph = judge.backend, _network()
    shared = backend.prepare_graph(graph)
    earlier: list[tuple[str, dict[str, Any], dict[str, NDArray[Any]]]] = []
    for shape in ((1, 3, 16, 16), (3, 3, 16, 16), (0, 3, 16, 16), (1, 3, 21, 13), (2, 3, 5, 34)):
        run = backend.compile(graph, {"x": shape}, shared)
        alone = backend.compile(graph, {"x": shape})
        for seed, program in enumerate((run, run, alone)):
            x = _drawn(shape, seed)
            case = f"{graph}\n  input {shape}, seed {seed}"
            given = backend.from_numpy(x)
            results = dict(program({"x": given}))
            backend.synchronize(*results.values())
            judge.demand(
                set(results) == set(graph.outputs), "graph", case, sorted(results), graph.outputs
            )
            earlier.append((case, results, _reference(graph, x)))
            judge.same("inputs untouched", case, given, x)
    # Only now: a program that reuses its buffers would have overwritten the first results.
    for case, kept, wanted in earlier:
        for name, wish in wanted.items():
            judge.same("graph", f"{case}, output {name}", kept[name], wish)


def _threads(judge: Judge) -> None:
    backend, graph = judge.backend, _network()
    shapes: list[Shape] = [(1, 3, 16, 16), (2, 3, 9, 11), (1, 3, 16, 16), (2, 3, 9, 11)]
    weights = backend.prepare_graph(graph)

    def compiled(shape: Shape) -> Any:
        return backend.compile(graph, {"x": shape}, weights)

    with ThreadPoolExecutor(4) as pool:
        programs = list(pool.map(compiled, shapes))

        def work(seed: int) -> list[tuple[str, Any, NDArray[Any]]]:
            x = _drawn(shapes[seed % 4], seed)
            results = programs[seed % 4]({"x": backend.from_numpy(x)})
            return [
                (f"seed {seed}, {name}", results[name], wish)
                for name, wish in _reference(graph, x).items()
            ]

        for found in pool.map(work, range(32)):
            for case, y, wish in found:
                judge.same("threads", case, y, wish)


def _device(judge: Judge) -> None:
    kind = type(judge.backend)
    if kind is Backend:
        # Without a plugin there is nobody who knows the library's devices.
        judge.skipped.append("a device that does not exist: plain Backend takes it as it is")
        return
    try:
        found: Any = kind(device="no-such-device:99")
    except (BackendUnavailable, InputError) as error:
        found = error
    except Exception as error:  # a plugin may raise anything, which is what is reported
        judge.demand(False, "device", "no-such-device:99", repr(error), "BackendUnavailable")
    fits = isinstance(found, (BackendUnavailable, InputError))
    judge.demand(fits, "device", "no-such-device:99", repr(found), "BackendUnavailable")
