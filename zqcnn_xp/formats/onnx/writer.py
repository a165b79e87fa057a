"""Write a graph as an ONNX model.

The model means what the graph means: logical NCHW, free sizes as symbolic dimensions. An op or
attribute that ONNX has no word for is refused, naming the node; nothing is approximated. The
nodes of each family of ops are in the modules ``write_*``.
"""

from __future__ import annotations

from collections.abc import Mapping

from zqcnn_xp.formats.onnx import (
    write_arithmetic,
    write_lstm,
    write_shapes,
    write_windows,
)
from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.formats.onnx.write_common import Write, refused
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["WRITERS", "to_onnx"]

OPSET = 17

WRITERS: Mapping[type[Op], Write] = {
    **write_arithmetic.WRITERS,
    **write_lstm.WRITERS,
    **write_shapes.WRITERS,
    **write_windows.WRITERS,
}
"""How each op is written."""


def to_onnx(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> bytes:
    """Return a graph as the bytes of an ONNX model (opset 17).

    Parameters
    ----------
    graph
        Without host ops.
    shapes
        Logical shape of each input, to write a model of fixed size. None writes free sizes, and
        takes the sizes that the graph's file names where an op's form depends on them.

    Raises
    ------
    GraphError
        If a node has no counterpart in ONNX; names it.
    ShapeError
        If the network does not admit ``shapes``.
    """
    wanted = dict(shapes or graph.nominal_shapes or _some_sizes(graph))
    found = graph.shapes(wanted)
    emit = Emitter(OPSET, fixed=shapes is not None)
    for source in graph.inputs:
        fixed: tuple[int | None, ...] = source.shape if shapes is None else found[source.name]
        emit.input(source.name, fixed)
    for node in graph.nodes:
        write = WRITERS.get(type(node.op))
        if write is None:
            raise refused(node, "has no counterpart in ONNX")
        write(emit, node, node.op, tuple(found[value] for value in node.inputs))
    for value in graph.outputs:
        emit.output(value, len(found[value]))
    return emit.model(graph.name or "network")


def _some_sizes(graph: Graph) -> dict[str, Shape]:
    """Return sizes for a graph of free sizes: only ranks and fixed axes are read from them."""
    return {
        s.name: tuple(size or (1 if axis == 0 else 64) for axis, size in enumerate(s.shape))
        for s in graph.inputs
    }
