"""ZQCNN's own merging of layers, by their order in the file.

The exact folding of a session looks at who reads what. The original looks at adjacent lines
only, and published models depend on it: one has a wrong blob name that adjacency repairs, and
another's results change with the cut of tiny weights. This is for ``compat="zqcnn"``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from zqcnn_xp.formats.zqcnn.layer import Layer
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.prelu import PReLU

__all__ = ["merge"]


def merge(layers: list[Layer], cut: float) -> list[Layer]:
    """Merge a convolution with the BatchNormScale on the next line, then with a PReLU there.

    Parameters
    ----------
    layers
        In file order.
    cut
        Weights of a merged kernel whose magnitude is below it become 0.

    Returns
    -------
    list of Layer
        The merged layer keeps the convolution's name and takes the other's top. InnerProduct
        and all other layers are left alone.

    Notes
    -----
    ``W * b`` and ``bias * b + a`` with the `b` and `a` of `BatchNorm`, in float32 as the original
    computes. A pair is merged where the second layer is in place, or nothing later reads the
    convolution's top; that the second layer reads it is not checked, as in the original.
    """
    layers = _pairs(layers, lambda op: isinstance(op, BatchNorm) and op.scale, _join_norm(cut))
    return _pairs(layers, lambda op: isinstance(op, PReLU), _join_prelu)


def _pairs(
    layers: list[Layer], second: Callable[[Any], bool], join: Callable[[Layer, Layer], Layer]
) -> list[Layer]:
    found: list[Layer] = []
    last_read = {b: place for place, layer in enumerate(layers) for b in layer.bottoms}
    place = 0
    while place < len(layers):
        layer = layers[place]
        after = layers[place + 1] if place + 1 < len(layers) else None
        if (
            after is not None
            and isinstance(layer.op, Conv2D)
            and second(after.op)
            and after.record.kind != "BatchNorm"
            and (after.bottoms == (after.top,) or last_read.get(layer.top, -1) <= place + 1)
            and _channels(after) == layer.op.out_channels
        ):
            layer = join(layer, after)
            place += 1
        found.append(layer)
        place += 1
    return found


def _channels(layer: Layer) -> int:
    return int(next(iter(layer.weights.values())).shape[0])


def _join_norm(cut: float) -> Callable[[Layer, Layer], Layer]:
    def join(conv: Layer, norm: Layer) -> Layer:
        if not isinstance(conv.op, Conv2D) or not isinstance(norm.op, BatchNorm):
            return conv
        b, a = norm.op.factor_offset(np, norm.weights)
        weight = conv.weights["weight"] * b
        weight[np.abs(weight) < cut] = 0
        bias = conv.weights["bias"] * b + a if conv.op.bias else a
        weights = {"weight": weight, "bias": bias}
        return replace(conv, op=replace(conv.op, bias=True), weights=weights, top=norm.top)

    return join


def _join_prelu(conv: Layer, prelu: Layer) -> Layer:
    if not isinstance(conv.op, Conv2D) or not isinstance(prelu.op, PReLU):
        return conv
    op = replace(conv.op, activation=prelu.op)
    return replace(conv, op=op, weights={**conv.weights, **prelu.weights}, top=prelu.top)
