"""Write a graph as ncnn's two files.

The network means what the graph means: ncnn's axes count without the batch. An op or attribute
that ncnn has no layer for is refused, naming the node; nothing is approximated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from zqcnn_xp.errors import GraphError, ShapeError
from zqcnn_xp.formats.ncnn import write_pointwise, write_shape, write_window
from zqcnn_xp.formats.ncnn.emit import Emitter
from zqcnn_xp.formats.ncnn.write import Writing
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.pool2d import Pool2D

__all__ = ["WRITERS", "to_ncnn"]

Write: TypeAlias = Callable[[Writing], None]

WRITERS: Mapping[type[Op], Write] = {
    **write_pointwise.WRITERS,
    **write_shape.WRITERS,
    **write_window.WRITERS,
}
"""Function that writes each op."""


def to_ncnn(
    graph: Graph, shapes: Mapping[str, Shape] | None = None, fp16: bool = False
) -> tuple[bytes, bytes]:
    r"""Return a graph as the bytes of a .param and a .bin file.

    Parameters
    ----------
    graph
        Without host ops.
    shapes
        Logical shape of each input, which the Input layers then name; None takes the sizes that
        the graph's own file names, and leaves free ones open.
    fp16
        Store the weights of products as float16, rounded to the nearest.

    Returns
    -------
    param, bin
        ``Net.load_param`` and ``Net.load_model`` read them. A blob is called like its value; a
        blob that several layers read goes through a Split.

    Raises
    ------
    GraphError
        If a node has no counterpart in ncnn, or its form depends on sizes that are not known.
    ShapeError
        If the network does not admit ``shapes``.

    Examples
    --------
    >>> from zqcnn_xp.formats.ncnn import reader
    >>> text = b"7767517\n2 2\nInput x 0 1 x 0=8 1=8 2=3\nReLU r 1 1 x y 0=0.1\n"
    >>> to_ncnn(reader.read(text, b""))[0].splitlines()[3].split()
    [b'ReLU', b'r', b'1', b'1', b'x', b'y', b'0=0.1']
    """
    sizes = _Sizes.of(graph, shapes)
    nodes = _merged(graph)
    counts = Counter(value for node in nodes for value in node.inputs)
    emit = Emitter(counts, fp16=fp16)
    for source in graph.inputs:
        emit.layer(
            "Input", source.name, (), (source.name,), _input_keys(graph, source.name, shapes)
        )
    done: set[str] = set()
    for place, node in enumerate(nodes):
        if node.name in done:
            continue
        write = WRITERS.get(type(node.op))
        if write is None:
            msg = f"{node.label}: has no counterpart in ncnn; {node.op}"
            raise GraphError(msg)
        writing = Writing(emit, node, sizes.found, sizes.other, tuple(nodes[place + 1 :][:64]))
        write(writing)
        done.update(writing.done)
    return emit.files()


@dataclass(frozen=True)
class _Sizes:
    """Shapes of all values at the sizes at hand, and at others where the sizes are free."""

    found: Mapping[str, Shape]
    other: Mapping[str, Shape]

    @staticmethod
    def of(graph: Graph, shapes: Mapping[str, Shape] | None) -> _Sizes:
        wanted = dict(shapes or graph.nominal_shapes or {})
        if not wanted:
            wanted = {
                s.name: tuple(n or (1 if k == 0 else 256) for k, n in enumerate(s.shape))
                for s in graph.inputs
            }
        found = graph.shapes(wanted)
        if shapes is not None:
            return _Sizes(found, found)
        wider = {
            s.name: tuple(
                n if n is not None else wanted[s.name][k] + (32 * k if k > 1 else 0)
                for k, n in enumerate(s.shape)
            )
            for s in graph.inputs
        }
        try:
            return _Sizes(found, graph.shapes(wider))
        except ShapeError:
            return _Sizes(found, found)


def _input_keys(graph: Graph, name: str, shapes: Mapping[str, Shape] | None) -> dict[int, Any]:
    source = next(s for s in graph.inputs if s.name == name)
    given = shapes[name] if shapes is not None else source.nominal or source.shape
    sizes = [size or 0 for size in given[1:]]
    if not 1 <= len(sizes) <= 3:
        msg = f"input {name!r}: found shape {source.shape}, expected one to three axes of a sample"
        raise GraphError(msg)
    if 0 in sizes[1:] or (len(sizes) < 3 and 0 in sizes):
        return {2: sizes[0]} if len(sizes) == 3 and sizes[0] else {}
    return dict(enumerate(reversed(sizes)))


def _merged(graph: Graph) -> list[Node]:
    """Join what is one layer in ncnn: a global pooling and its vector, a vector and its matrix."""
    counts = Counter(value for node in graph.nodes for value in node.inputs)
    counts.update(graph.outputs)
    nodes: list[Node] = []
    makers: dict[str, Node] = {}
    skipped: set[str] = set()
    for node in graph.nodes:
        makers.update(dict.fromkeys(node.outputs, node))
    for node in graph.nodes:
        before = makers.get(node.inputs[0]) if node.inputs else None
        joined = before is not None and counts[before.outputs[0]] == 1
        if before is not None and joined and _is_vector(before.op, node):
            skipped.add(before.name)
            node = _reading(node, before.inputs)
        elif before is not None and joined and _is_global(before, node):
            skipped.add(before.name)
            node = Node(node.name, before.op, before.inputs, node.outputs, where=node.where)
        nodes.append(node)
    return [node for node in nodes if node.name not in skipped]


def _is_vector(op: Op, node: Node) -> bool:
    step = node.inputs[0] == f"{node.outputs[0]}/flat"
    return step and isinstance(node.op, Dense) and op == Flatten(1, form="drop")


def _is_global(before: Node, node: Node) -> bool:
    step = node.inputs[0] == f"{node.outputs[0]}/map"
    whole = isinstance(before.op, Pool2D) and before.op.kernel is None
    return step and whole and node.op == Flatten(1, form="drop")


def _reading(node: Node, inputs: tuple[str, ...]) -> Node:
    return Node(node.name, node.op, inputs, node.outputs, node.weights, node.where)
