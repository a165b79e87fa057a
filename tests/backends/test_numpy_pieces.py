"""Batches in pieces: the same results, pieces of the right sizes, and no cut where images meet."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import zqcnn_xp_numpy.pieces
import zqcnn_xp_numpy.program
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Dense, Flatten, Pool2D, Reshape, Softmax
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.binding import Binding
from zqcnn_xp_numpy.pieces import apart, cut_batch, images_at_once

SHAPE = (7, 3, 12, 12)


def network(*extra):
    """Make a convolution, a mean and a product of seven images, and what is given after them."""
    rng = np.random.default_rng(3)
    ops = [
        ("a", Conv2D(8, (3, 3), pads=(1, 1, 1, 1), activation=Activation("relu")), "x"),
        ("p", Pool2D("average", None), "a"),
        ("f", Flatten(), "p"),
        ("y", Dense(5), "f"),
        *extra,
    ]
    shapes, nodes = {"x": SHAPE}, []
    for name, op, source in ops:
        wanted = op.weights(shapes[source])
        weights = {key: rng.standard_normal(s).astype(np.float32) for key, s in wanted.items()}
        nodes.append(Node(name, op, (source,), (name,), weights))
        (shapes[name],) = op.infer(shapes[source])
    outputs = ("a", ops[-1][0])
    return Graph((GraphInput("x", (None, *SHAPE[1:])),), tuple(nodes), outputs).validate()


def images(seed=0):
    x = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    return x.transpose(0, 2, 3, 1)


@pytest.fixture
def small(monkeypatch):
    """A cache of two images, and threads that any work is worth."""
    monkeypatch.setattr(zqcnn_xp_numpy.pieces, "CACHED", 2 * (3 + 8) * 144)
    monkeypatch.setattr(zqcnn_xp_numpy.program, "SHARED", 1)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_pieces_give_what_the_batch_gives(small, monkeypatch, threads):
    seen = []
    real = Binding.run

    def run(self, inputs):
        seen.append((threading.get_ident(), len(inputs["x"])))
        return real(self, inputs)

    monkeypatch.setattr(Binding, "run", run)
    graph = network()
    program = NumpyBackend(threads=threads).compile(graph, {"x": SHAPE})
    for seed in range(2):
        seen.clear()
        found = program({"x": images(seed)})
        wish = Backend(np).compile(graph, {"x": SHAPE})({"x": images(seed)})
        for name, y in wish.items():
            np.testing.assert_allclose(found[name], y, rtol=1e-4, atol=1e-5)
        sizes = {1: [1, 2, 2, 2], 2: [1, 2, 2, 2], 3: [1, 1, 1, 1, 1, 2]}[threads]
        assert sorted(size for _, size in seen) == sizes
        here = threading.get_ident()
        assert ({ident for ident, _ in seen} == {here}) is (threads == 1)


def test_calls_side_by_side_keep_to_their_threads(small, monkeypatch):
    """Where others run, the processors have work already."""
    graph, both = network(), threading.Barrier(2)
    program = NumpyBackend(threads=2).compile(graph, {"x": SHAPE})
    wish = program({"x": images()})["y"]
    seen = []
    real = program._in_pieces

    def in_pieces(inputs, weights):
        both.wait(30)  # both calls count as running from here on
        found = real(inputs, weights)
        both.wait(30)
        return found

    monkeypatch.setattr(program, "_in_pieces", in_pieces)
    run = Binding.run
    monkeypatch.setattr(
        Binding, "run", lambda self, x: (seen.append(threading.get_ident()), run(self, x))[1]
    )
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: program({"x": images()})["y"], range(2)))
    assert len(set(seen)) == 2
    for y in found:
        np.testing.assert_array_equal(y, wish)


def test_another_number_of_images_is_refused(small):
    program = NumpyBackend(threads=1).compile(network(), {"x": SHAPE})
    with pytest.raises(ShapeError, match="found 5 images for x, expected 7"):
        program({"x": images()[:5]})


def test_an_error_on_a_thread_reaches_the_caller(small, monkeypatch):
    program = NumpyBackend(threads=2).compile(network(), {"x": SHAPE})

    def fail(self, inputs):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(Binding, "run", fail)
        with pytest.raises(ZeroDivisionError):
            program({"x": images()})
    assert program({"x": images()})["y"].shape == (7, 1, 1, 5)


@pytest.mark.parametrize(
    ("op", "alone"),
    [
        (Softmax(1), True),
        (Softmax(-1), True),
        (Softmax(0), False),
        (Reshape((0, -1)), True),
        (Reshape((7, 5)), False),
        (Reshape((5, 7)), False),
    ],
)
def test_images_that_meet_are_not_parted(small, op, alone):
    graph = network(("z", op, "y"))
    assert apart(graph, graph.shapes({"x": SHAPE})) is alone
    found = NumpyBackend(threads=2).compile(graph, {"x": SHAPE})({"x": images()})
    wish = Backend(np).compile(graph, {"x": SHAPE})({"x": images()})
    np.testing.assert_allclose(found["z"], wish["z"], rtol=1e-4, atol=1e-5)


def test_a_negative_axis_that_is_the_batch(small):
    graph = network(("m", Reshape((0, -1)), "y"), ("z", Softmax(-2), "m"))
    assert not apart(graph, graph.shapes({"x": SHAPE}))
    found = NumpyBackend(threads=2).compile(graph, {"x": SHAPE})({"x": images()})
    np.testing.assert_allclose(found["z"].sum(axis=0), 1.0, rtol=1e-5)


def test_weights_that_outweigh_maps_are_read_for_several_images(monkeypatch):
    graph = network()
    shapes = graph.shapes({"x": SHAPE})
    monkeypatch.setattr(zqcnn_xp_numpy.pieces, "CACHED", 1)
    assert images_at_once(graph, shapes) == 1
    node = graph.nodes[-1]
    heavy = Node(node.name, node.op, node.inputs, node.outputs, {"weight": np.zeros(5000)})
    heavier = Graph(graph.inputs, (*graph.nodes[:-1], heavy), graph.outputs)
    assert images_at_once(heavier, shapes) == 4


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("most", [1, 3, 100])
def test_pieces_cover_a_batch(most, threads):
    for count in range(1, 20):
        pieces = cut_batch(count, most, threads)
        assert [k for part in pieces for k in range(part.start, part.stop)] == list(range(count))
        sizes = {part.stop - part.start for part in pieces}
        assert max(sizes) <= most
        assert max(sizes) - min(sizes) <= 1
        assert len(pieces) >= min(threads, count)
