"""Let a graph compute in a shorter floating-point type."""

from __future__ import annotations

from dataclasses import replace

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.cast import Cast

__all__ = ["reduce_precision"]


def reduce_precision(graph: Graph, dtype: str) -> Graph:
    """Insert casts so that all ops compute in ``dtype``; inputs and outputs stay float32.

    Leaves alone: ops that sum squares or exponentials, or compute coordinates
    (`Op.full_precision`). They get float32, as is usual in mixed precision; their weights stay
    float32, too.
    """
    held: dict[tuple[str, str], str] = {(s.name, "float32"): s.name for s in graph.inputs}
    native = {s.name: "float32" for s in graph.inputs}
    nodes: list[Node] = []
    taken = {node.name for node in graph.nodes} | set(graph.values)

    def fresh(name: str) -> str:
        while name in taken:
            name += "'"
        taken.add(name)
        return name

    def wanted(value: str, kind: str, out: str | None = None) -> str:
        """Return the value in a type, casting it once."""
        if (value, kind) not in held:
            name = fresh(f"{value}:{kind}") if out is None else out
            label = fresh(f"cast {value} to {kind}")
            source = held[value, native[value]]
            nodes.append(Node(label, Cast(kind), (source,), (name,)))
            held[value, kind] = name
        return held[value, kind]

    for node in graph.nodes:
        kind = "float32" if node.op.full_precision else dtype
        inputs = tuple(wanted(value, kind) for value in node.inputs)
        outputs = []
        for value in node.outputs:
            # A requested output keeps its name for the float32 value.
            short = value in graph.outputs and kind != "float32"
            name = fresh(f"{value}:{kind}") if short else value
            native[value] = kind
            held[value, kind] = name
            outputs.append(name)
        nodes.append(replace(node, inputs=inputs, outputs=tuple(outputs)))
        for value in node.outputs:
            if value in graph.outputs and kind != "float32":
                wanted(value, "float32", out=value)
    return replace(graph, nodes=tuple(nodes), blobs={})
