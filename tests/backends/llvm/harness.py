"""What the tests of the llvm backend share: vectors of every width, graphs, comparisons."""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.testing.check_op import random_weights
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.code import Code, shared_code
from zqcnn_xp_llvm.guarded import Guarded, call_checked
from zqcnn_xp_llvm.target import host_target

WIDTHS = [width for width in (128, 256, 512) if host_target(width).lanes * 32 == width]
if host_target(256).name == "AVX-512VL":
    WIDTHS.append("AVX2")  # 256 bits too, with half the registers
# At and beside the widths of vectors.
SIZES = (1, 3, 4, 7, 8, 15, 16, 17, 31, 33)
# Plain sums of products differ by rounding alone; transforms (Winograd) lose another digit.
PLAIN, TRANSFORMED = 1e-5, 1e-4


@functools.cache
def backend(width=None, *, checked=False, exact=True, threads=1):
    """One backend for all tests: its plans go when their graphs do."""
    return LlvmBackend(width=width, checked=checked, exact=exact, threads=threads)


def lanes(width=None):
    """Floats of a vector."""
    return host_target(width).lanes


def graph_of(nodes, inputs, outputs, seed=0, *, fixed=False):
    """A graph of (name, op, inputs), with normal weights; inputs are names and logical shapes.

    Sizes behind the channels are free, unless they are ``fixed``: the planner may then choose
    tiles for them alone.
    """
    shapes = dict(inputs)
    made = []
    for k, (name, op, reads) in enumerate(nodes):
        ins = [shapes[v] for v in reads]
        weights = random_weights(op, *ins, seed=seed + k)
        if "weight" in weights:
            # Sums stay of the size of their terms, so that errors can be told by the result.
            w = weights["weight"]
            weights["weight"] = w / np.float32(np.sqrt(max(w.size // w.shape[-1], 1)))
        made.append(Node(name, op, tuple(reads), (name,), weights))
        (shapes[name],) = op.infer(*ins)
    free = tuple(
        GraphInput(name, (None, *shape[1:2], *(s if fixed else None for s in shape[2:])))
        for name, shape in inputs.items()
    )
    return Graph(free, tuple(made), tuple(outputs))


def single(op, *shapes, seed=0):
    """The graph of one op."""
    inputs = {f"x{k}": shape for k, shape in enumerate(shapes)}
    return graph_of([("y", op, list(inputs))], inputs, ["y"], seed)


def draw(shapes, seed=0):
    """Normal inputs by name, logical order, read-only."""
    rng = np.random.default_rng(seed)
    xs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    for x in xs.values():
        x.flags.writeable = False
    return xs


def expected(graph, xs):
    """Outputs of the references in float64, logical order."""
    values = {name: to_storage(np, x).astype(np.float64) for name, x in xs.items()}
    for node in graph.nodes:
        weights = {key: np.asarray(w, np.float64) for key, w in node.weights.items()}
        outputs = node.op.forward(np, weights, *(values[v] for v in node.inputs))
        values.update(zip(node.outputs, outputs, strict=True))
    return {v: to_logical(np, values[v]) for v in graph.outputs}


def run(made, graph, xs):
    """Outputs of a compiled graph, logical order."""
    executable = made.compile(graph, {name: x.shape for name, x in xs.items()})
    found = executable({name: to_storage(np, x) for name, x in xs.items()})
    return {name: np.asarray(to_logical(np, y)) for name, y in found.items()}


def compare(found, wanted, tolerance=PLAIN):
    """Outputs are those that are wanted, relative to the largest of them or 1."""
    assert set(found) == set(wanted)
    for name, want in wanted.items():
        y = found[name]
        assert y.dtype == np.float32
        assert y.shape == want.shape, name
        regular = np.isfinite(want)
        np.testing.assert_array_equal(y[~regular], want[~regular].astype(np.float32))
        error = np.max(np.abs(y[regular].astype(np.float64) - want[regular]), initial=0.0)
        bound = tolerance * max(1.0, np.max(np.abs(want[regular]), initial=0.0))
        assert error <= bound, f"{name}: found an error of {error:.3g}, expected {bound:.3g}"


def check(graph, shapes, width=None, *, checked=False, exact=True, seed=0, tolerance=None):
    """Run a graph on drawn inputs of these shapes, and compare with the references."""
    xs = draw(shapes, seed)
    made = backend(width, checked=checked, exact=exact)
    found = run(made, graph, xs)
    compare(found, expected(graph, xs), tolerance or (PLAIN if exact else TRANSFORMED))
    return found


def check_op(op, *shapes, width=None, checked=False, exact=True, seed=0):
    """Run one op on drawn inputs."""
    named = {f"x{k}": shape for k, shape in enumerate(shapes)}
    return check(single(op, *shapes, seed=seed), named, width, checked=checked, exact=exact)["y"]


def steps_of(graph, shapes, width=None):
    """The names of a plan's steps, by phase."""
    made = backend(width)
    template = made.compile(graph, shapes).template
    return [[(type(s).__name__, s.name) for s in phase.steps] for phase in template.phases]


@functools.cache
def _code(width, checked):
    # No cache on disk: its key knows the sources of the package, not those of test kernels.
    return Code(host_target(width), checked=checked)


def function_of(kernel, width=None, *, checked=True):
    """A kernel's code, to be called with the address of its arguments."""
    ours = type(kernel).__module__.startswith("zqcnn_xp_llvm")
    code = shared_code(host_target(width), checked) if ours else _code(width, checked)
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.addresses([kernel])[kernel])


def call(kernel, arrays, integers=None, *, width=None, offsets=None, checked=True):
    """Call one kernel on float32 arrays by pointer name, within their bounds.

    Returns what it reports: None, or the first access outside, and the bytes from the array's
    start.
    """
    function = function_of(kernel, width, checked=checked)
    held = {name: Guarded(name, 4 * array.size) for name, array in arrays.items()}
    addresses, bounds = [], []
    for name in kernel.pointers:
        if name not in held:
            addresses.append(0)
            bounds.append((0, 0))
            continue
        held[name].floats[:] = arrays[name].reshape(-1)
        start = held[name].address
        addresses.append(start + (offsets or {}).get(name, 0))
        bounds.append((start, start + 4 * arrays[name].size))
    words = [(integers or {}).get(name, 0) for name in kernel.integers]
    assert set(integers or {}) <= set(kernel.integers)
    found = call_checked(function, addresses, words, bounds)
    for name, memory in held.items():
        assert memory.touched() is None, name
        arrays[name].reshape(-1)[:] = memory.floats
    if found is None:
        return None
    access, place = found
    return access, place - bounds[access.pointer][0]
