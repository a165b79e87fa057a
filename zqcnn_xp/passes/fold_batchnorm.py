"""Fold per-channel scales and shifts into the product before them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.passes.rewrite import merge_into_producer

__all__ = ["fold_batchnorm"]

_Vector = np.ndarray[Any, np.dtype[np.float64]]


def fold_batchnorm(graph: Graph) -> Graph:
    """Merge `BatchNorm` and `Scale` into a `Conv2D` or `Dense` whose result they alone read.

    ``b * (W x + c) + a = (b W) x + (b c + a)``, computed in float64 and stored as float32.

    Leaves alone: a product that already has an activation, a value that somebody asked for, and
    factors that float32 cannot hold (the fused net would overflow where the plain one does not).
    """
    return merge_into_producer(graph, _merge)


def _merge(product: Node, node: Node) -> Node | None:
    op = product.op
    if not isinstance(op, Conv2D | Dense) or op.activation is not None:
        return None
    if not isinstance(node.op, BatchNorm | Scale):
        return None
    channels = product.weights["weight"].shape[-1]
    factor, shift = _affine(node, channels)
    weight = product.weights["weight"].astype(np.float64) * factor
    bias = shift
    if op.bias:
        bias = product.weights["bias"].astype(np.float64) * factor + shift
    with np.errstate(over="ignore"):
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
    return np.broadcast_to(factor, (channels,)), np.broadcast_to(shift, (channels,))
