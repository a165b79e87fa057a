"""Running compiled graphs: arrays of all kinds in, results of one's own out, many threads."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import (
    Activation,
    Concat,
    Conv2D,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    L2Normalize,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    Softmax,
    Upsample,
)
from zqcnn_xp.session import Session
from zqcnn_xp_llvm import LlvmBackend


@pytest.fixture(scope="module")
def net(harness):
    """A bit of everything: branches, residuals, a host op, heads; any size."""
    nodes = [
        ("c1", Conv2D(16, (3, 3), (2, 2), pads=(1, 1, 1, 1), activation=PReLU()), ["x"]),
        ("d1", Conv2D(16, (3, 3), pads=(1, 1, 1, 1), groups=16), ["c1"]),
        ("p1", Conv2D(16, (1, 1)), ["d1"]),
        ("s1", Elementwise("sum"), ["c1", "p1"]),
        ("c2", Conv2D(20, (3, 3), pads=(1, 1, 1, 1)), ["s1"]),
        ("m2", MaxFeatureMap(), ["c2"]),
        ("q2", Pool2D("max", (2, 2), (2, 2), ceil=True), ["m2"]),
        ("n2", L2Normalize(), ["q2"]),
        ("u2", Upsample("nearest", scale=(2.0, 2.0)), ["n2"]),
        ("k2", Concat(1), ["u2", "u2"]),
        ("h1", Conv2D(6, (1, 1), activation=Activation("sigmoid")), ["k2"]),
        ("g2", Pool2D("average", None), ["m2"]),
        ("f2", Dense(7), ["g2"]),
        ("h2", Softmax(1), ["f2"]),
    ]
    return harness.graph_of(nodes, {"x": (1, 3, 20, 24)}, ["h1", "h2"])


SHAPES = [(1, 3, 20, 24), (3, 3, 20, 24), (2, 3, 33, 17), (1, 3, 8, 8), (5, 3, 12, 40)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exact", [True, False])
def test_a_network_at_many_sizes(harness, net, width, checked, shape, exact):
    harness.check(net, {"x": shape}, width, checked=checked, exact=exact)


def session(net, **options):
    return Session(net, LlvmBackend(**options), fold=False)


def test_arrays_of_all_kinds(net):
    made = session(net)
    x = np.random.default_rng(0).standard_normal((2, 3, 20, 24)).astype(np.float32)
    want = {name: y.copy() for name, y in made(x).items()}
    frozen = x.copy()
    frozen.flags.writeable = False
    wide = np.zeros((2, 3, 20, 48), np.float32)
    wide[..., ::2] = x
    for other in (
        frozen,
        np.asfortranarray(x),
        np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        wide[..., ::2],
        x[:, ::-1][:, ::-1],
        np.ascontiguousarray(x[::-1])[::-1],
        np.lib.stride_tricks.as_strided(x, x.shape, x.strides, writeable=False),
    ):
        before = other.copy()
        for name, y in made(other).items():
            np.testing.assert_array_equal(y, want[name])
        np.testing.assert_array_equal(other, before)


def test_a_sample_that_is_repeated_without_memory_of_its_own(net):
    made = session(net)
    one = np.random.default_rng(0).standard_normal((1, 3, 20, 24)).astype(np.float32)
    found = made(np.broadcast_to(one, (4, 3, 20, 24)))
    for name, y in made(one).items():
        for sample in found[name]:
            np.testing.assert_allclose(sample, y[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_results_are_the_callers_own(net, threads):
    made = session(net, threads=threads)
    rng = np.random.default_rng(0)
    kept = []
    for shape in SHAPES * 2:
        found = made(rng.standard_normal(shape).astype(np.float32))
        kept.append((found, {name: y.copy() for name, y in found.items()}))
    for found, copies in kept:
        for name, y in found.items():
            np.testing.assert_array_equal(y, copies[name])
            assert y.flags.writeable
    first = kept[0][0]
    first["h1"][...] = 7
    assert not any((found["h1"] == 7).all() for found, _ in kept[1:])


def test_inputs_that_are_outputs_are_not_shared(harness):
    graph = harness.graph_of([("y", Identity(), ["x"])], {"x": (1, 2, 3, 4)}, ["y"])
    x = np.ones((1, 2, 3, 4), np.float32)
    found = session(graph)(x)["y"]
    np.testing.assert_array_equal(found, x)
    found[...] = 3
    found = session(graph)(x, ["x", "y"])
    np.testing.assert_array_equal(found["x"], found["y"])


@pytest.mark.parametrize("threads", [1, 3])
def test_one_session_from_eight_threads_with_mixed_sizes(harness, net, threads):
    made = session(net, threads=threads)
    rng = np.random.default_rng(1)
    given = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES * 8]
    wanted = [harness.expected(net, {"x": x}) for x in given[: len(SHAPES)]]

    def task(k):
        return made(given[k])

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(task, range(len(given))))
        again = list(pool.map(task, range(len(given))))
    for k, want in enumerate(wanted):
        harness.compare(results[k], want, harness.TRANSFORMED)
    for one, two in zip(results, again, strict=True):
        for name, y in one.items():
            np.testing.assert_array_equal(two[name], y)


def test_threads_and_batches_change_no_result(net):
    """A sample's result does not depend on its neighbours, nor on who computes it."""
    x = np.random.default_rng(2).standard_normal((4, 3, 64, 64)).astype(np.float32)
    want = session(net, threads=1, exact=True)(x)
    for threads in (2, 5):
        found = session(net, threads=threads, exact=True)(x)
        for name, y in want.items():
            np.testing.assert_allclose(found[name], y, rtol=1e-5, atol=1e-6)
    one = session(net, threads=1, exact=True)
    for k in range(4):
        for name, y in one(x[k : k + 1]).items():
            np.testing.assert_allclose(y[0], want[name][k], rtol=1e-5, atol=1e-6)


def test_executables_outlive_their_graph(net):
    """Nothing that code looks at goes with a graph or a session, helpers that are late included."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        twin = Graph(net.inputs, net.nodes, net.outputs)
        backend = LlvmBackend(threads=4)
        run = backend.compile(twin, {"x": (1, 3, 64, 64)})
        del twin, backend
        gc.collect()
        y = run({"x": rng.standard_normal((1, 64, 64, 3)).astype(np.float32)})
        del run
        gc.collect()
        assert all(np.isfinite(value).all() for value in y.values())


def test_extremes_of_float32(harness, width, checked):
    """Overflow gives infinities where the references have them; tiny numbers count as 0 or less."""
    nodes = [
        ("c", Conv2D(16, (1, 1), bias=False), ["x"]),
        ("t", Activation("tanh"), ["c"]),
        ("p", Pool2D("max", (2, 2), (2, 2)), ["x"]),
        ("s", Elementwise("sum"), ["x", "x"]),
        ("f", Flatten(), ["s"]),
    ]
    graph = harness.graph_of(nodes, {"x": (1, 16, 4, 18)}, ["t", "p", "f"])
    sizes = np.float32([3.4e38, 1e38, 1.0, 1e-30, 1.2e-38, 1e-44, 0.0, -0.0])
    x = np.resize(sizes, (1, 16, 4, 18)) * np.resize(np.float32([1, -1, -1]), (1, 16, 4, 18))
    made = harness.backend(width, checked=checked)
    found = harness.run(made, graph, {"x": x})
    with np.errstate(over="ignore"):
        infinite = np.isinf(x + x).reshape(found["f"].shape)
    assert infinite.any()
    np.testing.assert_array_equal(np.isinf(found["f"]), infinite)
    np.testing.assert_allclose(found["p"], harness.expected(graph, {"x": x})["p"], atol=1.2e-38)
    assert (np.abs(found["t"]) <= 1).all()


def test_denormals_are_zero_inside_and_the_callers_rules_hold_outside(harness):
    """The processor's mode is set back: NumPy still knows denormal numbers after a call."""
    graph = harness.graph_of([("y", Conv2D(8, (1, 1)), ["x"])], {"x": (1, 8, 4, 4)}, ["y"])
    made = session(graph)
    made(np.full((1, 8, 4, 4), 1e-42, np.float32))
    tiny = np.full(64, 1e-42, np.float32)
    assert (tiny * np.float32(0.5) != 0).all()


def test_a_graph_of_several_inputs_and_outputs(harness, width, checked):
    shapes = {"a": (2, 3, 9, 17), "b": (2, 5, 9, 17), "v": (2, 8)}
    nodes = [
        ("k", Concat(1), ["a", "b"]),
        ("c", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["k"]),
        ("d", Dense(8), ["v"]),
        ("g", Pool2D("average", None), ["c"]),
        ("f", Flatten(form="drop"), ["g"]),
        ("s", Elementwise("sum"), ["f", "d"]),
    ]
    graph = harness.graph_of(nodes, shapes, ["s", "c", "k", "d"])
    harness.check(graph, shapes, width, checked=checked)
    harness.check(graph, {k: (1, *s[1:]) for k, s in shapes.items()}, width, checked=checked)


def test_no_samples_and_16_bit_types_run_the_references(net):
    made = session(net)
    found = made(np.zeros((0, 3, 20, 24), np.float32))
    assert found["h2"].shape[0] == 0
    half = LlvmBackend().with_dtype("float16")
    assert type(half.compile(net, {"x": (1, 3, 20, 24)})).__name__ == "Walk"
