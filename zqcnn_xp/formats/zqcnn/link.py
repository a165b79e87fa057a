"""Layers to a graph: blob names, which a file may use again, become values with one writer."""

from __future__ import annotations

from zqcnn_xp.formats.zqcnn.layer import Layer
from zqcnn_xp.graph import Graph, GraphInput, Node

__all__ = ["link"]


def link(layers: list[Layer], source: GraphInput, name: str, file: str) -> Graph:
    """Give every value a name of its own and connect the nodes.

    The last writer of a blob keeps the plain name; an earlier one is ``top@layer``. The input
    always keeps its name as a value, so a layer that works in place on it is ``top@layer`` too.

    Returns
    -------
    Graph
        Its ``blobs`` hold each blob name (what the last writer left in it) and, for every layer,
        ``top@layer`` (what that layer wrote). Its outputs are the blobs that no layer reads, in
        file order.
    """
    last_writer = {layer.top: place for place, layer in enumerate(layers)}
    taken = {source.name, *last_writer}
    current = {source.name: source.name}
    blobs = {source.name: source.name}
    aliases: dict[str, str] = {}
    nodes: list[Node] = []
    read: set[str] = set()
    for place, layer in enumerate(layers):
        inputs = tuple(current[bottom] for bottom in layer.bottoms)
        read.update(inputs)
        alias = f"{layer.top}@{layer.record.name}"
        value = layer.top
        if last_writer[layer.top] != place or layer.top == source.name:
            value = alias
            while value in taken:
                value += "'"
            taken.add(value)
        aliases[alias] = value
        current[layer.top] = blobs[layer.top] = value
        where = f"{file}:{layer.record.line}"
        nodes.append(Node(layer.record.name, layer.op, inputs, (value,), layer.weights, where))
    outputs = tuple(
        value
        for blob, value in sorted(
            ((b, v) for b, v in blobs.items() if b in last_writer),
            key=lambda pair: last_writer[pair[0]],
        )
        if value not in read
    )
    return Graph((source,), tuple(nodes), outputs, {**aliases, **blobs}, name).validate()
