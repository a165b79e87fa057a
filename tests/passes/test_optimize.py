"""What a session runs under fold=True: all passes, in the right order."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, BatchNorm, Conv2D, Identity, PReLU, Scale
from zqcnn_xp.passes import optimize


def block(i, source):
    """Convolution, copy, BatchNorm, Scale, copy, PReLU."""
    one, four = np.ones(4, np.float32), np.ones((1, 1, 4, 4), np.float32)
    ops = [
        (f"conv{i}", Conv2D(4, (1, 1), bias=False), {"weight": four}),
        (f"drop{i}", Identity(), {}),
        (f"bn{i}", BatchNorm(scale=False, bias=False), {"mean": one, "variance": one}),
        (f"scale{i}", Scale(), {"scale": one, "bias": one}),
        (f"copy{i}", Identity(), {}),
        (f"act{i}", PReLU(), {"slope": one}),
    ]
    nodes = []
    for name, op, weights in ops:
        nodes.append(Node(name, op, (source,), (name,), weights))
        source = name
    return nodes


def graph(outputs):
    nodes = (*block(0, "x"), *block(1, "act0"), Node("dead", Activation("relu"), ("x",), ("dead",)))
    return Graph((GraphInput("x", (None, 4, None, None)),), nodes, tuple(outputs)).validate()


def test_a_block_becomes_one_node():
    found = optimize(graph(["act1"]))
    assert [n.name for n in found.nodes] == ["conv0", "conv1"]
    assert all(n.op.bias and n.op.activation == PReLU() for n in found.nodes)
    assert [n.outputs for n in found.nodes] == [("act0",), ("act1",)]


@pytest.mark.parametrize("blob", [n.name for n in block(0, "x")])
def test_every_inner_value_is_kept_when_asked_for(blob):
    found = optimize(graph(["act1", blob])).validate()
    assert found.outputs == ("act1", blob)
    assert blob in found.values


def test_what_computes_nothing_requested_is_left_out():
    assert "dead" not in optimize(graph(["act1"])).values
    assert [n.name for n in optimize(graph(["act0"])).nodes] == ["conv0"]


def test_optimizing_again_changes_nothing():
    once = optimize(graph(["act1", "bn0"]))
    twice = optimize(once)
    assert all(a is b for a, b in zip(once.nodes, twice.nodes, strict=True))
