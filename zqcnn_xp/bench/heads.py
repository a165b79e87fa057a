"""A detector's network up to what it decodes boxes from: that far, every runtime can run it."""

from __future__ import annotations

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Constant, PriorBox, PriorBoxMxnet, PriorBoxText
from zqcnn_xp.ops.base import Op

__all__ = ["heads"]

_OF_SHAPES: tuple[type[Op], ...] = (Constant, PriorBox, PriorBoxMxnet, PriorBoxText)
"""Ops whose values do not depend on the input's numbers."""


def heads(graph: Graph) -> Graph:
    r"""Leave out host ops, such as DetectionOutput, and what depends on them.

    What they read becomes an output in their place; priors do not, which follow from shapes
    alone. A graph without host ops is returned as it is.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> graph = read_graph(b"Input name=data C=1\nReLU name=r bottom=data top=out", b"")
    >>> heads(graph) is graph
    True
    """
    behind: set[str] = set()
    fixed: set[str] = set()
    read: list[str] = []
    for node in graph.nodes:
        if node.op.host or behind.intersection(node.inputs):
            behind.update(node.outputs)
            read += node.inputs
        elif isinstance(node.op, _OF_SHAPES) or (node.inputs and fixed.issuperset(node.inputs)):
            fixed.update(node.outputs)
    if not behind:
        return graph
    wanted = [value for value in graph.outputs if value not in behind]
    sources = {source.name for source in graph.inputs}
    wanted += [value for value in read if value not in behind | fixed | sources]
    return graph.subgraph(wanted)
