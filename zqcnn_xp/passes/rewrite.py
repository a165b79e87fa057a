"""What passes share: who reads a value, and merging a node into the one before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zqcnn_xp.graph import Graph, Node

__all__ = ["merge_into_producer", "rebuild"]


def rebuild(graph: Graph, nodes: list[Node]) -> Graph:
    """Return the graph with other nodes, without the blob names whose values are gone."""
    there = {s.name for s in graph.inputs} | {v for node in nodes for v in node.outputs}
    blobs = {blob: value for blob, value in graph.blobs.items() if value in there}
    return replace(graph, nodes=tuple(nodes), blobs=blobs)


def merge_into_producer(graph: Graph, merge: Callable[[Node, Node], Node | None]) -> Graph:
    """Merge nodes into their producers wherever ``merge(producer, node)`` returns a node.

    A pair is offered only if the node has one input, which the producer writes, nobody else
    reads and nobody asked for: then the value between them may vanish.
    """
    readers: dict[str, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            readers[value] = readers.get(value, 0) + 1
    asked = set(graph.outputs)
    nodes: list[Node] = []
    made_at: dict[str, int] = {}
    for node in graph.nodes:
        between = node.inputs[0] if len(node.inputs) == 1 else None
        at = made_at.get(between) if between is not None else None
        merged = None
        if (
            at is not None
            and between is not None
            and readers[between] == 1
            and between not in asked
        ):
            merged = merge(nodes[at], node)
        if merged is not None and at is not None:
            nodes[at] = merged
            made_at[merged.outputs[0]] = at
        else:
            if len(node.outputs) == 1:
                made_at[node.outputs[0]] = len(nodes)
            nodes.append(node)
    return rebuild(graph, nodes)
