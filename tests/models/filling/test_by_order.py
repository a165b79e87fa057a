"""Weights of another graph, one layer after the other."""

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import BatchNorm, Conv2D, Dense, PReLU, Scale
from zqcnn_xp_models.fill import finish
from zqcnn_xp_models.layers import Layers


@pytest.fixture
def given(tiny, module):
    return finish(tiny.draft(), ("embedding",), tiny.state(module))


def test_another_graph_by_order(tiny, given):
    renamed = replace(
        given, nodes=tuple(replace(node, name=f"x{i}") for i, node in enumerate(given.nodes))
    )
    np.testing.assert_array_equal(
        tiny.run(finish(tiny.draft(), ("embedding",), renamed)), tiny.run(given)
    )


def test_epsilon_scale_and_bias_follow_the_other_graph(tiny, given):
    nodes = []
    for node in given.nodes:
        op, weights = node.op, dict(node.weights)
        if isinstance(op, BatchNorm):
            op, weights = BatchNorm(0.25, bias=False), weights | {}
            del weights["bias"]
        elif isinstance(op, Conv2D):
            op, weights["bias"] = replace(op, bias=True), np.float32(np.arange(6))
        nodes.append(replace(node, op=op, weights=weights))
    other = replace(given, nodes=tuple(nodes))
    np.testing.assert_array_equal(
        tiny.run(finish(tiny.draft(), ("embedding",), other)), tiny.run(other)
    )


def test_caffes_scale_behind_its_norm_is_one_layer(tiny, given):
    nodes = []
    for node in given.nodes:
        if not isinstance(node.op, BatchNorm):
            nodes.append(node)
            continue
        bare = {key: node.weights[key] for key in ("mean", "variance")}
        rest = {key: node.weights[key] for key in ("scale", "bias")}
        between = f"{node.name}.bare"
        nodes.append(Node(between, BatchNorm(1e-5, False, False), node.inputs, (between,), bare))
        nodes.append(Node(node.name, Scale(), (between,), node.outputs, rest))
    other = replace(given, nodes=tuple(nodes))
    np.testing.assert_allclose(
        tiny.run(finish(tiny.draft(), ("embedding",), other)), tiny.run(other), rtol=1e-5, atol=1e-6
    )


def test_fused_rectifiers_are_taken_apart(tiny, given):
    conv, _, act, *_ = given.nodes
    fused = replace(conv.op, activation=PReLU())
    weights = {**conv.weights, **act.weights}
    net = Layers("tiny", (4, 5, 6), style="torch")
    net.prelu("act", net.conv("conv", "data", 6, 3, groups=2))
    other = Graph(given.inputs, (replace(conv, op=fused, weights=weights),), ("conv",))
    np.testing.assert_array_equal(tiny.run(finish(net, ("act",), other)), tiny.run(other))


def test_a_matrix_of_a_flattened_map_is_brought_into_place(tiny, given):
    """Formats that flatten first keep (C * H * W, O), here (H, W, C, O) is needed."""
    dense = next(node for node in given.nodes if isinstance(node.op, Dense))
    flat = dense.weights["weight"].transpose(2, 0, 1, 3).reshape(72, 7)
    nodes = [
        replace(node, weights={**node.weights, "weight": flat}) if node is dense else node
        for node in given.nodes
    ]
    found = finish(tiny.draft(), ("embedding",), replace(given, nodes=tuple(nodes)))
    np.testing.assert_array_equal(tiny.run(found), tiny.run(given))


def test_layers_that_do_not_match_are_named(tiny, given):
    def fails(nodes, match):
        source = GraphInput("data", (None, 4, 5, 6))
        with pytest.raises(InputError, match=match):
            finish(tiny.draft(), ("embedding",), Graph((source,), tuple(nodes), ("embedding",)))

    nodes = list(given.nodes)
    fails(nodes[:3], "found no layer for fc, expected as many as tiny has")
    extra = replace(nodes[1], name="more", outputs=("more",))
    fails([*nodes, extra], "found BatchNorm 'more' behind the last layer of tiny")
    fails([nodes[1], *nodes[1:]], "found BatchNorm 'bn' for conv, expected a Conv2D")
    wrong = replace(nodes[0], weights={"weight": np.ones((3, 3, 4, 6), np.float32)})
    fails([wrong, *nodes[1:]], r"found weight of shape \(3, 3, 4, 6\), expected \(3, 3, 2, 6\)")
