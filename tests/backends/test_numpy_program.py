"""Bound graphs against the walk over references: values in place, views, borders, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    Scalar,
    Scale,
    Softmax,
)
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.blas import NumpyWalk
from zqcnn_xp_numpy.program import NumpyProgram

SAME = (1, 1, 1, 1)


def network(*layers, outputs, channels=3, size=(20, 24), n=2):
    """Make a graph from (output, op, inputs), with weights drawn for inputs of this size."""
    rng = np.random.default_rng(1)
    shapes = {"x": (n, channels, *size)}
    nodes = []
    for name, op, *inputs in layers:
        given = [shapes[value] for value in inputs]
        weights = {
            key: rng.uniform(0.1, 1.0, shape).astype(np.float32)
            - np.float32(0.5 * (key != "variance"))
            for key, shape in op.weights(*given).items()
        }
        nodes.append(Node(name, op, tuple(inputs), (name,), weights))
        (shapes[name],) = op.infer(*given)
    graph = Graph((GraphInput("x", (None, channels, None, None)),), tuple(nodes), tuple(outputs))
    return graph.validate(), {"x": shapes["x"]}


def image(shapes, seed=0):
    n, c, h, w = shapes["x"]
    x = np.random.default_rng(seed).standard_normal((n, c, h, w)).astype(np.float32)
    return x.transpose(0, 2, 3, 1)


def both(graph, shapes, x):
    wish = Backend(np).compile(graph, shapes)({"x": x})
    run = NumpyBackend().compile(graph, shapes)
    assert isinstance(run, NumpyProgram)
    return run, wish


def assert_alike(found, wish):
    assert found.keys() == wish.keys()
    for name, y in wish.items():
        assert found[name].dtype == y.dtype
        np.testing.assert_allclose(found[name], y, rtol=1e-4, atol=1e-4)


NETWORKS = {
    "residual": network(
        ("a", Conv2D(8, (3, 3), pads=SAME, activation=PReLU()), "x"),
        ("b", Conv2D(8, (3, 3), pads=SAME, groups=8, activation=Activation("relu")), "a"),
        ("c", Conv2D(8, (1, 1)), "b"),
        ("d", Elementwise("sum"), "a", "c"),
        ("e", Conv2D(8, (3, 3), (2, 2), pads=SAME, groups=8), "d"),
        outputs=["e", "d"],
    ),
    "one value, two borders": network(
        ("a", Conv2D(20, (3, 3), activation=Activation("clip")), "x"),
        ("b", Conv2D(20, (3, 3), pads=SAME), "a"),
        ("c", Conv2D(20, (5, 5), dilation=(2, 2), pads=(4, 4, 4, 4), groups=20), "a"),
        ("d", Concat(1), "b", "c"),
        ("e", MaxFeatureMap(), "d"),
        outputs=["e"],
    ),
    "views": network(
        ("s", Scalar("subtract", 0.5), "x"),
        ("a", Conv2D(4, (3, 3), (2, 2), pads=(0, 1, 0, 1)), "s"),
        ("p", Pool2D("average", (2, 2), (2, 2)), "a"),
        ("f", Flatten(), "p"),
        ("g", Dense(6, activation=PReLU()), "f"),
        ("h", Softmax(1), "g"),
        outputs=["h", "f"],
    ),
    "normalised": network(
        ("a", BatchNorm(1e-3), "x"),
        ("b", Conv2D(32, (3, 3), pads=SAME), "a"),
        ("c", Scale(), "b"),
        ("d", Conv2D(32, (3, 3), pads=SAME, activation=PReLU()), "c"),
        ("e", PReLU(), "d"),
        ("f", Pool2D("max", None), "e"),
        outputs=["f", "b"],
    ),
    "input returned": network(("a", Activation("tanh"), "x"), outputs=["a", "x"]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_like_the_references(name):
    graph, shapes = NETWORKS[name]
    for seed in range(2):
        x = image(shapes, seed)
        x.setflags(write=False)
        run, wish = both(graph, shapes, x)
        assert_alike(run({"x": x}), wish)
        # What the first run has left in the buffers must not show.
        assert_alike(run({"x": x}), wish)


def test_results_belong_to_the_caller():
    graph, shapes = NETWORKS["views"]
    x = image(shapes)
    run, wish = both(graph, shapes, x)
    first = run({"x": x})
    run({"x": image(shapes, 7)})
    assert_alike(first, wish)
    for y in first.values():
        assert y.flags.writeable
        y[...] = np.nan
    assert_alike(run({"x": x}), wish)


def test_what_computes_nothing_hands_out_the_input():
    graph, shapes = network(("y", Identity(), "x"), outputs=["y"])
    x = image(shapes)
    run = NumpyBackend().compile(graph, shapes)
    for _ in range(2):
        assert np.shares_memory(run({"x": x})["y"], x)


def test_threads_do_not_share_buffers():
    graph, shapes = NETWORKS["residual"]
    xs = [image(shapes, seed) for seed in range(8)]
    wishes = [both(graph, shapes, x)[1] for x in xs]
    run, _ = both(graph, shapes, xs[0])
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for found, wish in zip(pool.map(lambda x: run({"x": x}), xs), wishes, strict=True):
                assert_alike(found, wish)


def test_a_second_call_binds_nothing(monkeypatch):
    graph, shapes = NETWORKS["residual"]
    x = image(shapes)
    run, wish = both(graph, shapes, x)
    run({"x": x})
    monkeypatch.setattr("zqcnn_xp_numpy.program.Binding", None)
    assert_alike(run({"x": x}), wish)


def test_an_error_in_a_call_leaves_no_damage(monkeypatch):
    graph, shapes = NETWORKS["residual"]
    x = image(shapes)
    run, wish = both(graph, shapes, x)
    with pytest.raises(ValueError, match="broadcast"):
        run({"x": x[:, :5]})
    assert_alike(run({"x": x}), wish)


def test_an_empty_batch():
    graph, shapes = NETWORKS["residual"]
    shapes = {"x": (0, *shapes["x"][1:])}
    x = np.zeros((0, 20, 24, 3), np.float32)
    run, wish = both(graph, shapes, x)
    assert_alike(run({"x": x}), wish)


def test_another_dtype_is_walked():
    graph, shapes = NETWORKS["normalised"]
    x = image(shapes).astype(np.float64)
    run, wish = both(graph, shapes, x)
    found = run({"x": x})
    np.testing.assert_allclose(found["f"], wish["f"], rtol=1e-4)


def test_a_subclass_keeps_its_own_kernels():
    class Other(NumpyBackend):
        def kernel(self, op, *shapes):
            return lambda w, *xs: (np.full_like(xs[0], 7.0),)

    graph, shapes = NETWORKS["input returned"]
    run = Other().compile(graph, shapes)
    assert type(run) is NumpyWalk
    assert (run({"x": image(shapes)})["a"] == 7.0).all()
