"""Parameters and multiply-adds as publications count them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import BatchNorm, Conv2D, Dense
from zqcnn_xp.ops.base import Shape

__all__ = ["learnable", "products"]


def learnable(graph: Graph) -> int:
    """Return the number of weights that training changes: all but means and variances.

    Examples
    --------
    >>> from zqcnn_xp_models import mobilefacenet
    >>> learnable(mobilefacenet.build("mbf"))
    2059520
    """
    return sum(
        int(weight.size)
        for node in graph.nodes
        for name, weight in node.weights.items()
        if not (isinstance(node.op, BatchNorm) and name in ("mean", "variance"))
    )


def products(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> int:
    """Return the multiply-adds of convolutions and matrix products alone, without biases.

    Parameters
    ----------
    graph
        The network.
    shapes
        Logical shape of each input; None takes those that the graph names.
    """
    found = graph.shapes(shapes or graph.nominal_shapes or {})
    total = 0
    for node in graph.nodes:
        if isinstance(node.op, Conv2D):
            _, channels, _, _ = found[node.inputs[0]]
            kernel = prod(node.op.kernel) * (channels // node.op.groups)
            total += prod(found[node.outputs[0]]) * kernel
        elif isinstance(node.op, Dense):
            total += prod(found[node.inputs[0]]) * node.op.out_features
    return total
