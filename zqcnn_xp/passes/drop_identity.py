"""Remove nodes that return their input."""

from __future__ import annotations

from dataclasses import replace

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.identity import Identity

__all__ = ["drop_identity"]


def drop_identity(graph: Graph) -> Graph:
    """Let readers of an `Identity` read its input.

    Leaves alone an identity whose output is a requested output: that name has to stay.
    """
    source: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(source.get(value, value) for value in node.inputs)
        if isinstance(node.op, Identity) and node.outputs[0] not in graph.outputs:
            source[node.outputs[0]] = inputs[0]
        else:
            # A node that nothing changed stays the same object.
            nodes.append(node if inputs == node.inputs else replace(node, inputs=inputs))
    blobs = {blob: source.get(value, value) for blob, value in graph.blobs.items()}
    return replace(graph, nodes=tuple(nodes), blobs=blobs)
