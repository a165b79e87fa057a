"""Let a product apply the activation that follows it."""

from __future__ import annotations

from dataclasses import replace

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.passes.rewrite import merge_into_producer

__all__ = ["fuse_activation"]


def fuse_activation(graph: Graph) -> Graph:
    """Move an `Activation` or `PReLU` into the convolution or `Dense` whose result it alone reads.

    The numbers stay the same; backends save one pass over the result.

    Leaves alone: a product that already has an activation, and a value that somebody asked for.
    """
    return merge_into_producer(graph, _merge)


def _merge(product: Node, node: Node) -> Node | None:
    op = product.op
    if not isinstance(op, Conv2D | ConvTranspose2D | Dense) or op.activation is not None:
        return None
    if not isinstance(node.op, Activation | PReLU):
        return None
    weights = {**product.weights, **node.weights}
    return replace(
        product, op=replace(op, activation=node.op), outputs=node.outputs, weights=weights
    )
