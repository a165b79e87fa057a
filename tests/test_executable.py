"""The walk: order, results, and values dropped after their last use."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import ShapeError
from zqcnn_xp.executable import Walk
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Elementwise
from zqcnn_xp.ops.base import Op


@dataclass(frozen=True)
class AddOne(Op):
    def infer(self, *shapes):
        return shapes

    def forward(self, xp, w, *xs):
        return (xs[0] + 1.0,)


@dataclass(frozen=True)
class Halves(Op):
    """Two outputs."""

    def infer(self, *shapes):
        (shape,) = shapes
        return shape, shape

    def forward(self, xp, w, *xs):
        return xs[0] * 0.5, xs[0] * 0.25


def chain(length, outputs=None):
    nodes = [Node(f"n{i}", AddOne(), (f"v{i}",), (f"v{i + 1}",)) for i in range(length)]
    return Graph((GraphInput("v0", (None, 2)),), tuple(nodes), outputs or (f"v{length}",))


def walk(graph, **shapes):
    backend = Backend(np)
    return Walk(graph, shapes, backend, backend.prepare_graph(graph))


X = np.zeros((1, 2), np.float32)


def test_only_outputs_are_returned():
    found = walk(chain(4, ("v2", "v4")), v0=(1, 2))({"v0": X})
    assert {name: float(y[0, 0]) for name, y in found.items()} == {"v2": 2.0, "v4": 4.0}


def test_an_input_may_be_an_output():
    found = walk(chain(2, ("v0", "v2")), v0=(1, 2))({"v0": X})
    assert found["v0"] is X


def test_the_caller_s_mapping_is_left_alone():
    given = {"v0": X}
    walk(chain(3), v0=(1, 2))(given)
    assert list(given) == ["v0"]


def test_a_value_read_twice_by_one_node():
    graph = Graph(
        (GraphInput("x", (None, 2)),),
        (
            Node("a", AddOne(), ("x",), ("a",)),
            Node("s", Elementwise("sum"), ("a", "a"), ("s",)),
        ),
        ("s",),
    )
    assert walk(graph, x=(1, 2))({"x": X})["s"][0, 0] == 2


def test_outputs_that_nobody_reads():
    graph = Graph((GraphInput("x", (None, 2)),), (Node("h", Halves(), ("x",), ("a", "b")),), ("b",))
    found = walk(graph, x=(1, 2))({"x": X + 4})
    assert list(found) == ["b"]
    assert found["b"][0, 0] == 1


def test_values_die_after_their_last_use():
    alive = []
    refs = []

    class Watching(Backend):
        def kernel(self, op, *shapes):
            def run(w, x):
                gc.collect()
                alive.append(sum(ref() is not None for ref in refs))
                y = (x + 1).view(Tracked)
                refs.append(weakref.ref(y))
                return (y,)

            return run

    class Tracked(np.ndarray):
        """An array that can be referred to weakly."""

    graph = chain(6)
    backend = Watching(np)
    Walk(graph, {"v0": (1, 2)}, backend, backend.prepare_graph(graph))({"v0": X})
    # Before each node runs, its input is the only earlier result that is left.
    assert alive == [0, 1, 1, 1, 1, 1]


def test_weights_may_be_given_to_run():
    graph = Graph((GraphInput("x", (None, 2)),), (Node("a", AddOne(), ("x",), ("a",)),), ("a",))
    assert walk(graph, x=(1, 2)).run({"x": X}, {"a": {}})["a"][0, 0] == 1


def test_wrong_shapes_are_refused_when_compiled():
    with pytest.raises(ShapeError, match="input 'v0'"):
        walk(chain(1), v0=(1, 3))


def test_a_kernel_sees_logical_shapes():
    seen = []

    class Asking(Backend):
        def kernel(self, op, *shapes):
            seen.append(shapes)

    graph = Graph(
        (GraphInput("x", (None, 3, None, None)),),
        (Node("r", Activation("relu"), ("x",), ("y",)),),
        ("y",),
    )
    Asking(np).compile(graph, {"x": (1, 3, 4, 5)})
    assert seen == [((1, 3, 4, 5),)]
