"""Fold per-channel scales and shifts into the product before them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.passes.rewrite import merge_into_producer

__all__ = ["fold_batchnorm"]

_Vector = np.ndarray[Any, np.dtype[np.float64]]


def fold_batchnorm(graph: Graph) -> Graph:
    """Merge `BatchNorm` and `Scale` into a convolution or `Dense` whose result they alone read.

    ``b * (W x + c) + a = (b W) x + (b c + a)``, computed in float64 and stored as float32.

    Leaves alone: a product that already has an activation, a value that somebody asked for,
    factors that float32 cannot hold (the fused net would overflow where the plain one does not),
    vectors that are not one number a channel, and a `Dense` on more than two axes that are no
    map: there axis 1, which holds the channels, is not the axis that the product makes.
    """
    flat = _flat_products(graph)

    def merge(product: Node, node: Node) -> Node | None:
        op = product.op
        if not isinstance(op, Conv2D | ConvTranspose2D | Dense) or op.activation is not None:
            return None
        if not isinstance(node.op, BatchNorm | Scale):
            return None
        if product.weights["weight"].ndim == 2 and product.name not in flat:
            return None
        return _merged(product, op, node)

    return merge_into_producer(graph, merge)


def _flat_products(graph: Graph) -> frozenset[str]:
    """Return the names of the `Dense` nodes known to read a matrix (N, F)."""
    nominal = graph.nominal_shapes
    if nominal is None:
        # Ranks do not depend on sizes, so any size that the network admits tells them.
        nominal = {
            s.name: tuple(
                (1 if axis == 0 else 224) if size is None else size
                for axis, size in enumerate(s.shape)
            )
            for s in graph.inputs
        }
    try:
        shapes = graph.shapes(nominal)
    except ShapeError:
        return frozenset()
    return frozenset(
        node.name
        for node in graph.nodes
        if isinstance(node.op, Dense) and len(shapes[node.inputs[0]]) == 2
    )


def _merged(product: Node, op: Conv2D | ConvTranspose2D | Dense, node: Node) -> Node | None:
    channels = product.weights["weight"].shape[-1]
    if any(w.shape != (channels,) for w in node.weights.values()):
        return None
    with np.errstate(all="ignore"):  # what does not stay finite is refused below
        factor, shift = _affine(node, channels)
        weight = product.weights["weight"].astype(np.float64) * factor
        bias = shift
        if op.bias:
            bias = product.weights["bias"].astype(np.float64) * factor + shift
        merged = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    if not all(np.isfinite(w).all() for w in merged.values()):
        return None
    return replace(product, op=replace(op, bias=True), outputs=node.outputs, weights=merged)


def _affine(node: Node, channels: int) -> tuple[_Vector, _Vector]:
    """Return the node as ``factor * x + shift``."""
    w = {name: value.astype(np.float64) for name, value in node.weights.items()}
    factor, shift = np.ones(channels), np.zeros(channels)
    if isinstance(node.op, BatchNorm):
        # The floor is ZQCNN's: it keeps a dead channel from dividing by zero.
        factor = w.get("scale", factor) / np.sqrt(np.maximum(w["variance"] + node.op.eps, 1e-32))
        shift = w.get("bias", shift) - w["mean"] * factor
    else:
        factor = w.get("scale", factor)
        shift = w.get("bias", shift)
    return factor, shift
