"""Fused activations: the same numbers, one node less."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, ConvTranspose2D, Dense, PReLU, Scale, Softmax
from zqcnn_xp.passes import fuse_activation

RNG = np.random.default_rng(6)
MAP = (GraphInput("x", (None, 3, None, None)),)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def conv(activation=None):
    op = Conv2D(5, (2, 2), activation=activation)
    return Node("p", op, ("x",), ("p",), {"weight": floats(2, 2, 3, 5), "bias": floats(5)})


def following(op, **weights):
    return Node("a", op, ("p",), ("a",), weights)


def graph(*nodes, inputs=MAP, outputs=("a",)):
    return Graph(inputs, nodes, outputs).validate()


def run(g, x):
    backend = Backend(np)
    stored = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    return backend.compile(g, {"x": x.shape})({"x": stored})["a"]


ACTIVATIONS = [
    following(Activation("relu")),
    following(Activation("leaky_relu", alpha=0.1)),
    following(Activation("clip", low=0.0, high=6.0)),
    following(Activation("sigmoid")),
    following(Activation("tanh")),
    following(Activation("elu", alpha=1.0)),
    following(PReLU(), slope=floats(5)),
    following(PReLU(shared=True), slope=floats(1)),
]


def check_fused(g, x):
    found = fuse_activation(g)
    (node,) = found.nodes
    assert node.op.activation == g.nodes[1].op
    assert node.outputs == ("a",)
    assert set(node.weights) == {*g.nodes[0].weights, *g.nodes[1].weights}
    found.validate().check_weights({"x": x.shape})
    np.testing.assert_array_equal(run(found, x), run(g, x))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda n: str(n.op))
def test_a_convolution_takes_the_activation(activation):
    check_fused(graph(conv(), activation), floats(2, 3, 4, 5))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda n: str(n.op))
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 4), (2, 5, 4)])
def test_a_dense_layer_takes_the_activation(activation, shape):
    weight = floats(4, 5, 3, 5) if len(shape) == 4 else floats(4, 5)
    product = Node("p", Dense(5, bias=False), ("x",), ("p",), {"weight": weight})
    inputs = (GraphInput("x", (None, *shape[1:])),)
    check_fused(graph(product, activation, inputs=inputs), floats(*shape))


def check_alone(g):
    found = fuse_activation(g)
    assert all(a is b for a, b in zip(found.nodes, g.nodes, strict=True))


def test_a_second_activation_stays():
    check_alone(graph(conv(Activation("relu")), following(Activation("tanh"))))
    first = Node("m", Activation("relu"), ("p",), ("m",))
    second = Node("a", Activation("tanh"), ("m",), ("a",))
    found = fuse_activation(graph(conv(), first, second))
    assert [n.name for n in found.nodes] == ["p", "a"]
    assert found.nodes[0].outputs == ("m",)


def test_a_value_that_somebody_asked_for():
    check_alone(graph(conv(), following(Activation("relu")), outputs=("a", "p")))


def test_a_value_that_somebody_else_reads():
    other = Node("o", Softmax(), ("p",), ("o",))
    check_alone(graph(conv(), following(Activation("relu")), other, outputs=("a", "o")))


@pytest.mark.parametrize(
    "other", [following(Softmax()), following(Scale(bias=False), scale=floats(5))]
)
def test_what_is_no_activation(other):
    check_alone(graph(conv(), other))


def test_an_activation_of_no_product():
    first = Node("p", Softmax(), ("x",), ("p",))
    check_alone(graph(first, following(Activation("relu"))))


@pytest.mark.parametrize("op", [Activation("mish"), PReLU()])
def test_a_transposed_convolution_applies_it(op):
    product = ConvTranspose2D(5, (2, 2), (2, 2), bias=False)
    node = Node("p", product, ("x",), ("p",), {"weight": floats(2, 2, 3, 5)})
    weights = {"slope": floats(5)} if isinstance(op, PReLU) else {}
    plain = graph(node, following(op, **weights))
    fused = fuse_activation(plain)
    assert [found.op.activation for found in fused.nodes] == [op]
    x = floats(2, 3, 4, 5)
    np.testing.assert_allclose(run(fused, x), run(plain, x), rtol=1e-6, atol=1e-6)
