"""Merging a node into its producer: only where nobody else sees the value between."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Elementwise, Identity
from zqcnn_xp.ops.base import Op
from zqcnn_xp.passes.rewrite import merge_into_producer, rebuild

INPUT = (GraphInput("x", (None, 2)),)


def node(name, *inputs, op=None):
    return Node(name, op or Activation("relu"), inputs or ("x",), (name,))


def chain(outputs=("c",), extra=(), blobs=None):
    nodes = (node("a"), node("b", "a"), node("c", "b"), *extra)
    return Graph(INPUT, nodes, tuple(outputs), blobs or {}).validate()


def always(producer, following):
    return replace(producer, outputs=following.outputs)


def names(graph):
    return [(n.name, n.inputs, n.outputs) for n in graph.nodes]


def test_a_chain_collapses_into_its_first_node():
    found = merge_into_producer(chain(), always)
    assert names(found) == [("a", ("x",), ("c",))]
    assert found.validate() is found


def test_what_is_asked_for_stays():
    found = merge_into_producer(chain(("c", "a")), always)
    assert names(found) == [("a", ("x",), ("a",)), ("b", ("a",), ("c",))]


@pytest.mark.parametrize(
    "extra",
    [
        (node("d", "b"),),
        (node("d", "b", "c", op=Elementwise("sum")),),
        (node("d", "b", "b", op=Elementwise("sum")),),
    ],
)
def test_a_second_reader_keeps_the_value(extra):
    found = merge_into_producer(chain(("c", "d"), extra), always)
    assert found.validate() is found
    assert "b" in found.values
    assert "c" in found.values


def test_a_node_that_reads_twice_is_no_single_reader():
    graph = Graph(INPUT, (node("a"), node("s", "a", "a", op=Elementwise("sum"))), ("s",))
    assert names(merge_into_producer(graph, always)) == names(graph)


def test_a_refusal_leaves_the_pair_alone():
    graph = chain()
    found = merge_into_producer(graph, lambda producer, following: None)
    assert all(a is b for a, b in zip(found.nodes, graph.nodes, strict=True))


def test_graph_inputs_have_no_producer():
    seen = []
    merge_into_producer(chain(), lambda p, n: seen.append((p.name, n.name)))
    assert seen == [("a", "b"), ("b", "c")]


@dataclass(frozen=True)
class Two(Op):
    def infer(self, *shapes):
        return (shapes[0], shapes[0])


def test_a_producer_of_two_values_is_left_alone():
    nodes = (Node("t", Two(), ("x",), ("p", "q")), node("r", "p"), node("s", "q"))
    graph = Graph(INPUT, nodes, ("r", "s"))
    assert names(merge_into_producer(graph, always)) == names(graph)


def test_order_is_kept_where_other_nodes_lie_between():
    nodes = (node("a"), node("m"), node("b", "a"), node("j", "m", "b", op=Elementwise("sum")))
    found = merge_into_producer(Graph(INPUT, nodes, ("j",)), always)
    assert found.validate() is found
    assert [n.name for n in found.nodes] == ["a", "m", "j"]


def test_blobs_of_vanished_values_vanish():
    graph = chain(blobs={"first": "a", "last": "c", "in": "x"})
    assert merge_into_producer(graph, always).blobs == {"last": "c", "in": "x"}
    assert rebuild(graph, list(graph.nodes[:1])).blobs == {"first": "a", "in": "x"}


def test_the_graph_itself_is_not_changed():
    graph = chain()
    before = names(graph)
    merge_into_producer(graph, always)
    assert names(graph) == before


def test_identities_are_nodes_like_others():
    graph = Graph(INPUT, (node("a"), node("i", "a", op=Identity())), ("i",))
    assert names(merge_into_producer(graph, always)) == [("a", ("x",), ("i",))]
