"""Plans: compiled once per shape and bounded, host ops behind, batches rounded only where legal."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import plan as plan_module
from zqcnn_xp.backend import Backend
from zqcnn_xp.buckets import round_up
from zqcnn_xp.errors import ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    Activation,
    Concat,
    Conv2D,
    Dense,
    Elementwise,
    Flatten,
    Reshape,
    Softmax,
    Transpose,
)
from zqcnn_xp.ops.base import Op
from zqcnn_xp.plan import Plan

RNG = np.random.default_rng(1)


class Jitting(Backend):
    """A backend to which every new shape is dear; it notes what it was asked to compile."""

    name: ClassVar[str] = "jitting"
    jits: ClassVar[bool] = True

    def __init__(self):
        super().__init__(np)
        self.compiled = []

    def compile(self, graph, shapes, weights=None):
        self.compiled.append((graph, dict(shapes)))
        return super().compile(graph, shapes, weights)


class Plain(Jitting):
    name: ClassVar[str] = "plain"
    jits: ClassVar[bool] = False


@dataclass(frozen=True)
class Positive(Op):
    """A host op: the positive elements, as many as there are."""

    host: ClassVar[bool] = True

    def infer(self, *shapes):
        return ((int(np.prod(shapes[0])),),)

    def forward(self, xp, w, *xs):
        assert all(type(x) is np.ndarray for x in xs)
        return (xs[0][xs[0] > 0],)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def plan(backend, nodes, outputs, inputs=None):
    inputs = inputs or (GraphInput("x", (None, None, None, None)),)
    graph = Graph(tuple(inputs), tuple(nodes), tuple(outputs)).validate()
    return Plan(graph, backend, lambda node: backend.prepare(node.op, node.weights))


def conv(name="c", source="x", cin=2, cout=3):
    weights = {"weight": floats(1, 1, cin, cout), "bias": floats(cout)}
    return Node(name, Conv2D(cout, (1, 1)), (source,), (name,), weights)


def node(name, op, *inputs):
    return Node(name, op, inputs or ("x",), (name,))


def run(p, n=1, c=2, h=3, w=4):
    x = floats(n, h, w, c)
    return x, p({"x": x}, {"x": (n, c, h, w)})


# One compilation a shape ---------------------------------------------------------------------


def test_a_shape_is_compiled_once():
    backend = Plain()
    p = plan(backend, [conv()], ["c"])
    for _ in range(3):
        run(p)
    run(p, h=5)
    assert [shapes for _, shapes in backend.compiled] == [{"x": (1, 2, 3, 4)}, {"x": (1, 2, 5, 4)}]


def test_the_least_recently_used_shape_is_given_up(monkeypatch):
    monkeypatch.setattr(plan_module, "MOST_SHAPES", 3)
    backend = Plain()
    p = plan(backend, [conv()], ["c"])
    for h in (1, 2, 3, 1, 4):  # 2 was used longest ago when 4 comes
        run(p, h=h)
    assert len(backend.compiled) == 4
    for h in (1, 3, 4):
        run(p, h=h)
    assert len(backend.compiled) == 4
    run(p, h=2)
    assert len(backend.compiled) == 5


def test_thousands_of_sizes_hold_a_bounded_number(monkeypatch):
    monkeypatch.setattr(plan_module, "MOST_SHAPES", 8)
    p = plan(Jitting(), [conv()], ["c"])
    for h in range(1, 300):
        run(p, h=h, w=1)
    assert len(p._executables) == 8
    assert len(p._admitted) <= 8


def test_threads_that_meet_a_new_shape_compile_it_once():
    class Slow(Plain):
        def compile(self, graph, shapes, weights=None):
            time.sleep(0.05)
            return super().compile(graph, shapes, weights)

    backend = Slow()
    p = plan(backend, [conv()], ["c"])
    start = threading.Barrier(6, timeout=120)

    def work():
        start.wait()
        p({"x": np.ones((1, 3, 4, 2), np.float32)}, {"x": (1, 2, 3, 4)})

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(backend.compiled) == 1


# What does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [Plain(), Jitting()], ids=lambda b: b.name)
def test_weights_made_for_another_size_are_a_shape_error(backend):
    dense = Node("f", Dense(5, bias=False), ("x",), ("f",), {"weight": floats(3, 4, 2, 5)})
    p = plan(backend, [dense], ["f"])
    assert run(p)[1]["f"].shape == (1, 1, 1, 5)
    with pytest.raises(ShapeError, match=r"Dense 'f': found weights .*expected .*\(5, 4, 2, 5\)"):
        run(p, h=5)
    assert len(backend.compiled) == 1


def test_an_op_that_refuses_is_named_behind_the_host_ops_too():
    p = plan(Plain(), [node("h", Positive()), node("s", Softmax(axis=1), "h")], ["s"])
    with pytest.raises(ShapeError, match="Softmax 's'"):
        run(p)


# Host ops ------------------------------------------------------------------------------------


def test_host_ops_and_what_follows_them_run_on_the_host():
    backend = Plain()
    nodes = [
        conv(),
        node("h", Positive(), "c"),
        node("r", Activation("tanh"), "h"),
        node("d", Activation("relu"), "c"),
    ]
    p = plan(backend, nodes, ["r", "d"])
    assert [n.name for n in p.host_nodes] == ["h", "r"]
    x, found = run(p)
    ((graph, _),) = backend.compiled
    assert [n.name for n in graph.nodes] == ["c", "d"]
    assert set(graph.outputs) == {"c", "d"}
    w = nodes[0].weights
    c = x @ w["weight"][0, 0] + w["bias"]
    np.testing.assert_allclose(found["r"], np.tanh(c[c > 0]), rtol=1e-5)
    np.testing.assert_allclose(found["d"], np.maximum(c, 0), rtol=1e-5)
    assert set(found) == {"r", "d"}


def test_inputs_of_host_ops_do_not_travel_to_the_device():
    backend = Plain()
    p = plan(backend, [node("h", Positive())], ["h"])
    x, found = run(p)
    np.testing.assert_array_equal(found["h"], x[x > 0])
    assert backend.compiled == []


def test_host_ops_get_numpy_from_another_library():
    torch = pytest.importorskip("torch")
    backend = Backend(torch)
    p = plan(backend, [conv(), node("h", Positive(), "c")], ["h", "c"])
    found = p({"x": torch.ones(1, 3, 4, 2)}, {"x": (1, 2, 3, 4)})
    assert type(found["h"]) is np.ndarray
    assert type(found["c"]) is torch.Tensor


def test_a_plan_of_inputs_alone_compiles_nothing():
    backend = Plain()
    p = plan(backend, [], ["x"])
    x, found = run(p)
    assert found["x"] is x
    assert backend.compiled == []


# Batches -------------------------------------------------------------------------------------

SMALL_NET = [
    conv(),
    node("r", Activation("relu"), "c"),
    Node("f", Dense(4, bias=False), ("r",), ("f",), {"weight": floats(3, 4, 3, 4)}),
    node("s", Softmax(axis=1), "f"),
    node("t", Transpose((0, 2, 3, 1)), "c"),
    node("k", Flatten(), "t"),
]


@given(st.integers(0, 70))
@settings(deadline=None)
def test_rounding_the_batch_changes_no_result(n):
    exact, rounding = Plain(), Jitting()
    x = np.random.default_rng(n).standard_normal((n, 3, 4, 2)).astype(np.float32)
    shapes = {"x": (n, 2, 3, 4)}
    want = plan(exact, SMALL_NET, ["s", "k", "c"])({"x": x}, shapes)
    found = plan(rounding, SMALL_NET, ["s", "k", "c"])({"x": x}, shapes)
    for name, y in want.items():
        assert found[name].shape == y.shape
        np.testing.assert_allclose(found[name], y, rtol=1e-6, atol=1e-6)
    assert rounding.compiled[0][1]["x"][0] == round_up(n)


def test_many_counts_share_few_programs():
    backend = Jitting()
    p = plan(backend, SMALL_NET, ["s"])
    for n in range(1, 101):
        run(p, n=n)
    assert len(backend.compiled) == len({round_up(n) for n in range(1, 101)})


def test_a_backend_that_does_not_jit_gets_exact_batches():
    backend = Plain()
    run(plan(backend, SMALL_NET, ["s"]), n=9)
    assert backend.compiled[0][1] == {"x": (9, 2, 3, 4)}


@dataclass(frozen=True)
class Centre(Op):
    """Subtract the mean over the batch: padding would change it."""

    mixes_batch: ClassVar[bool] = True

    def infer(self, *shapes):
        return shapes

    def forward(self, xp, w, *xs):
        return (xs[0] - xp.mean(xs[0], axis=0, keepdims=True),)


MERGING = {
    "mixing op": [node("y", Centre())],
    "softmax over samples": [node("y", Softmax(axis=0))],
    "joined samples": [node("y", Concat(axis=0), "x", "x")],
    "fixed sizes": [node("y", Reshape((9, -1)))],
    "all free": [node("y", Reshape((-1, 24)))],
    "transposed": [node("y", Transpose((1, 0, 2, 3)))],
    "there and back": [
        node("m", Transpose((1, 0, 2, 3))),
        node("s", Softmax(axis=1), "m"),
        node("y", Transpose((1, 0, 2, 3)), "s"),
    ],
    "flattened": [node("y", Flatten(axis=0, form="drop"))],
}


@pytest.mark.parametrize("nodes", MERGING.values(), ids=MERGING.keys())
def test_a_batch_that_is_merged_is_not_rounded(nodes):
    n = 9
    x = floats(n, 3, 4, 2)
    shapes = {"x": (n, 2, 3, 4)}
    backend = Jitting()
    found = plan(backend, nodes, ["y"])({"x": x}, shapes)["y"]
    assert backend.compiled[0][1]["x"][0] == n
    np.testing.assert_array_equal(found, plan(Plain(), nodes, ["y"])({"x": x}, shapes)["y"])


def test_a_size_that_only_looks_like_the_batch_is_not_rounded():
    inputs = (GraphInput("x", (None, None, None, None)), GraphInput("b", (None, None, None)))
    nodes = [node("y", Elementwise("sum"), "x", "b")]
    values = {"x": floats(9, 3, 4, 1), "b": floats(9, 1, 1)}
    shapes = {"x": (9, 1, 3, 4), "b": (9, 1, 1)}
    backend = Jitting()
    found = plan(backend, nodes, ["y"], inputs)(values, shapes)["y"]
    assert found.shape == (9, 3, 4, 9)
    assert backend.compiled[0][1] == shapes


@pytest.mark.parametrize("shape", [(9, 2, None, None), (None, 2, None, None)])
def test_a_fixed_batch_is_kept(shape):
    backend = Jitting()
    p = plan(backend, [conv()], ["c"], (GraphInput("x", shape),))
    assert run(p, n=9)[1]["c"].shape[0] == 9
    assert backend.compiled[0][1]["x"][0] == (9 if shape[0] else 10)


def test_inputs_of_different_counts_are_kept():
    inputs = (GraphInput("x", (None, 2, None, None)), GraphInput("b", (None, 2, None, None)))
    backend = Jitting()
    p = plan(backend, [node("y", Elementwise("product"), "x", "b")], ["y"], inputs)
    shapes = {"x": (9, 2, 3, 4), "b": (1, 2, 3, 4)}
    found = p({"x": floats(9, 3, 4, 2), "b": floats(1, 3, 4, 2)}, shapes)["y"]
    assert found.shape == (9, 3, 4, 2)
    assert backend.compiled[0][1] == shapes


def test_a_host_op_sees_no_padding():
    backend = Jitting()
    p = plan(backend, [conv(), node("h", Positive(), "c")], ["h"])
    x = floats(9, 3, 4, 2)
    shapes = {"x": (9, 2, 3, 4)}
    found = p({"x": x}, shapes)["h"]
    assert backend.compiled[0][1]["x"][0] == 10
    same = plan(Plain(), [p.device_graph.nodes[0], node("h", Positive(), "c")], ["h"])
    np.testing.assert_allclose(found, same({"x": x}, shapes)["h"], rtol=1e-6)


def test_padding_keeps_the_library_and_the_device():
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")

    class OnDevice(Jitting):
        def __init__(self):
            Backend.__init__(self, strict, device)
            self.compiled = []

    p = plan(OnDevice(), [conv()], ["c"])
    x = strict.asarray(floats(9, 3, 4, 2), device=device)
    found = p({"x": x}, {"x": (9, 2, 3, 4)})["c"]
    assert found.shape == (9, 3, 4, 3)
    assert found.device == device
