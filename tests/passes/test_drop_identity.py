"""Identities vanish; names that were asked for stay."""

from __future__ import annotations

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Elementwise, Identity
from zqcnn_xp.passes import drop_identity

INPUT = (GraphInput("x", (None, 2)),)


def relu(name, source):
    return Node(name, Activation("relu"), (source,), (name,))


def same(name, source):
    return Node(name, Identity(), (source,), (name,))


def reads(graph):
    return {n.name: n.inputs for n in graph.nodes}


def test_readers_read_what_the_identity_read():
    graph = Graph(INPUT, (relu("a", "x"), same("i", "a"), same("j", "i"), relu("b", "j")), ("b",))
    found = drop_identity(graph)
    assert reads(found) == {"a": ("x",), "b": ("a",)}
    assert found.validate() is found


def test_an_identity_of_the_input():
    graph = Graph(INPUT, (same("i", "x"), relu("b", "i")), ("b",))
    assert reads(drop_identity(graph)) == {"b": ("x",)}


def test_a_node_that_reads_the_value_twice():
    both = Node("s", Elementwise("sum"), ("i", "x"), ("s",))
    graph = Graph(INPUT, (same("i", "x"), both), ("s",))
    assert reads(drop_identity(graph)) == {"s": ("x", "x")}


def test_a_requested_identity_stays():
    graph = Graph(INPUT, (relu("a", "x"), same("i", "a"), relu("b", "i")), ("b", "i"))
    found = drop_identity(graph)
    assert reads(found) == {"a": ("x",), "i": ("a",), "b": ("i",)}


def test_a_requested_identity_behind_one_that_goes():
    graph = Graph(INPUT, (same("i", "x"), same("j", "i")), ("j",))
    assert reads(drop_identity(graph)) == {"j": ("x",)}


def test_blob_names_follow_the_value():
    graph = Graph(
        INPUT,
        (relu("a", "x"), same("i", "a"), relu("b", "i")),
        ("b",),
        {"conv": "i", "out": "b"},
    )
    found = drop_identity(graph)
    assert found.blobs == {"conv": "a", "out": "b"}
    assert found.validate() is found


def test_untouched_nodes_stay_the_same_objects():
    graph = Graph(INPUT, (relu("a", "x"), relu("b", "a"), same("i", "b"), relu("c", "i")), ("c",))
    found = drop_identity(graph)
    assert found.nodes[0] is graph.nodes[0]
    assert found.nodes[1] is graph.nodes[1]
    assert found.nodes[2].weights is graph.nodes[3].weights
