"""Folding of per-channel factors and offsets: exact, and refused where it would not be."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, BatchNorm, Conv2D, ConvTranspose2D, Dense, Pool2D, Scale
from zqcnn_xp.passes import fold_batchnorm

RNG = np.random.default_rng(4)
MAP = (GraphInput("x", (None, 3, None, None)),)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def conv(bias=True, groups=1, activation=None, cout=6):
    weights = {"weight": floats(3, 3, 3 // groups, cout)} | ({"bias": floats(cout)} if bias else {})
    op = Conv2D(cout, (3, 3), bias=bias, groups=groups, activation=activation)
    return Node("p", op, ("x",), ("p",), weights, "net:1")


def batchnorm(c=6, scale=True, bias=True, eps=1e-3, source="p"):
    w = {"mean": floats(c), "variance": np.abs(floats(c)) + np.float32(0.2)}
    w |= {"scale": floats(c)} if scale else {}
    w |= {"bias": floats(c)} if bias else {}
    return Node("n", BatchNorm(eps, scale=scale, bias=bias), (source,), ("n",), w)


def scaling(c=6, scale=True, bias=True):
    w = ({"scale": floats(c)} if scale else {}) | ({"bias": floats(c)} if bias else {})
    return Node("n", Scale(scale=scale, bias=bias), ("p",), ("n",), w)


def graph(*nodes, inputs=MAP, outputs=("n",)):
    return Graph(inputs, nodes, outputs).validate()


def run(g, x):
    backend = Backend(np)
    name = g.inputs[0].name
    stored = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    return backend.compile(g, {name: x.shape})({name: stored})[g.outputs[0]]


def check_folded(g, x):
    found = fold_batchnorm(g)
    (node,) = found.nodes
    assert node.outputs == ("n",)
    assert node.op.bias
    assert all(w.dtype == np.float32 for w in node.weights.values())
    want = run(g, x)
    assert np.abs(run(found, x) - want).max() <= 1e-5 * max(1, np.abs(want).max())
    found.validate().check_weights({"x": x.shape})
    return node


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("following", [batchnorm, scaling])
@pytest.mark.parametrize(("scale", "shift"), [(True, True), (True, False), (False, True)])
def test_a_convolution_takes_what_follows(bias, following, scale, shift):
    node = check_folded(graph(conv(bias), following(scale=scale, bias=shift)), floats(2, 3, 6, 7))
    assert (node.name, node.where) == ("p", "net:1")


@pytest.mark.parametrize("groups", [1, 3])
def test_a_transposed_convolution_takes_what_follows(groups):
    op = ConvTranspose2D(6, (3, 3), (2, 2), pads=(1, 1, 0, 0), groups=groups, bias=False)
    node = Node("p", op, ("x",), ("p",), {"weight": floats(3, 3, 3 // groups, 6)})
    check_folded(graph(node, batchnorm()), floats(2, 3, 6, 7))


def test_statistics_alone():
    check_folded(graph(conv(), batchnorm(scale=False, bias=False)), floats(1, 3, 5, 5))


@pytest.mark.parametrize("groups", [1, 3])
def test_groups_and_depthwise(groups):
    check_folded(graph(conv(groups=groups, cout=3), batchnorm(3)), floats(2, 3, 6, 6))
    check_folded(graph(conv(groups=groups, cout=6), batchnorm(6)), floats(2, 3, 6, 6))


def test_a_chain_of_several():
    nodes = [conv(), batchnorm()]
    for i in range(3):
        last = scaling()
        nodes.append(Node(f"s{i}", last.op, (nodes[-1].outputs[0],), (f"s{i}",), last.weights))
    g = graph(*nodes, outputs=("s2",))
    (node,) = fold_batchnorm(g).nodes
    x = floats(2, 3, 5, 5)
    want = run(g, x)
    found = run(fold_batchnorm(g), x)
    assert node.outputs == ("s2",)
    assert np.abs(found - want).max() <= 1e-5 * max(1, np.abs(want).max())


def test_dense_on_a_map():
    w = {"weight": floats(4, 5, 3, 6), "bias": floats(6)}
    check_folded(graph(Node("p", Dense(6), ("x",), ("p",), w), batchnorm()), floats(2, 3, 4, 5))


@pytest.mark.parametrize("shape", [(None, 7), (3, 7), (None, None)])
def test_dense_on_a_matrix(shape):
    w = {"weight": floats(7, 6)}
    product = Node("p", Dense(6, bias=False), ("x",), ("p",), w)
    check_folded(graph(product, batchnorm(), inputs=(GraphInput("x", shape),)), floats(3, 7))


def test_a_dead_channel_keeps_its_floor():
    following = batchnorm(eps=0.0)
    following.weights["variance"][2] = 0.0
    following.weights["mean"][2] = 0.0
    check_folded(graph(conv(), following), floats(1, 3, 5, 5) * np.float32(1e-6))


# Left alone ----------------------------------------------------------------------------------


def check_alone(g):
    found = fold_batchnorm(g)
    assert len(found.nodes) == len(g.nodes)
    assert all(a is b for a, b in zip(found.nodes, g.nodes, strict=True))


def test_a_product_with_an_activation():
    check_alone(graph(conv(activation=Activation("relu")), batchnorm()))


def test_a_value_that_somebody_asked_for():
    check_alone(graph(conv(), batchnorm(), outputs=("n", "p")))


def test_a_value_that_somebody_else_reads():
    other = Node("o", Activation("relu"), ("p",), ("o",))
    check_alone(graph(conv(), batchnorm(), other, outputs=("n", "o")))


def test_what_is_no_product():
    pool = Node("p", Pool2D("max", (2, 2), (2, 2)), ("x",), ("p",))
    check_alone(graph(pool, batchnorm(3)))


def test_a_scale_in_front_of_the_product():
    first = Node("s", Scale(bias=False), ("x",), ("s",), {"scale": floats(3)})
    product = conv()
    second = Node("n", product.op, ("s",), ("n",), product.weights)
    check_alone(graph(first, second))


@pytest.mark.parametrize("value", [1e38, np.inf, np.nan])
def test_factors_that_float32_cannot_hold(value):
    product, following = conv(), scaling()
    product.weights["weight"][...] = 100
    following.weights["scale"][1] = value
    check_alone(graph(product, following))


def test_an_infinite_variance_is_no_trouble():
    product, following = conv(), batchnorm()
    following.weights["variance"][0] = np.inf
    node = check_folded(graph(product, following), floats(1, 3, 5, 5))
    assert not node.weights["weight"][..., 0].any()


@pytest.mark.parametrize("c", [1, 5])
def test_vectors_of_another_length(c):
    check_alone(graph(conv(), scaling(c)))


def test_dense_on_three_axes_has_its_channels_elsewhere():
    # Axis 1 of (2, 6, 6) has the length of the product's last axis by accident.
    product = Node("p", Dense(6, bias=False), ("x",), ("p",), {"weight": floats(4, 6)})
    g = graph(product, batchnorm(6), inputs=(GraphInput("x", (None, 6, 4)),))
    check_alone(g)


def test_a_free_size_that_the_network_does_not_admit():
    # No size is known at which shapes could be inferred, so nothing is assumed.
    product = Node("p", Dense(6, bias=False), ("q",), ("p",), {"weight": floats(4, 6)})
    pool = Node("q", Activation("relu"), ("x",), ("q",))
    small = Node("w", Conv2D(2, (300, 300)), ("y",), ("w",), {})
    inputs = (GraphInput("x", (None, None)), GraphInput("y", (None, 1, None, None)))
    g = Graph(inputs, (pool, product, batchnorm(), small), ("n", "w")).validate()
    check_alone(g)


def test_the_graph_s_own_weights_are_not_changed():
    g = graph(conv(), batchnorm())
    before = [{k: w.copy() for k, w in n.weights.items()} for n in g.nodes]
    fold_batchnorm(g)
    for n, old in zip(g.nodes, before, strict=True):
        for k, w in old.items():
            np.testing.assert_array_equal(n.weights[k], w)
