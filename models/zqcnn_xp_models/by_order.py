"""The weights of another graph for the layers of a network, one layer after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops import BatchNorm, Conv2D, Dense, Op, PReLU, Scale
from zqcnn_xp_models.layers import Layers, Slot

__all__ = ["by_order"]

Floats: TypeAlias = NDArray[np.float32]
_STATS = {"mean", "variance"}


@dataclass(frozen=True)
class _Given:
    """One layer of a graph that gives weights."""

    label: str
    op: Op
    weights: Mapping[str, Any]


def by_order(layers: Layers, graph: Graph) -> list[Node]:
    """Return the nodes with the graph's weights, and the attributes that go with them.

    Raises
    ------
    InputError
        Naming the first layer that is of another kind or size.
    """
    given = iter(_layers_of(graph))
    nodes = []
    for slot in layers.slots:
        if not slot.shapes:
            nodes.append(slot.node(slot.op, {}))
            continue
        source = next(given, None)
        if source is None:
            msg = f"found no layer for {slot.name}, expected as many as {layers.name} has"
            raise InputError(msg)
        nodes.append(_matched(slot, source))
    rest = next(given, None)
    if rest is not None:
        msg = f"found {rest.label} behind the last layer of {layers.name}, expected no more"
        raise InputError(msg)
    return nodes


def _layers_of(graph: Graph) -> list[_Given]:
    """Return the layers with weights, fused ones apart and Caffe's Scale with its BatchNorm."""
    found: list[_Given] = []
    for node in graph.nodes:
        op, weights = node.op, dict(node.weights)
        activation = op.activation if isinstance(op, (Conv2D, Dense)) else None
        slope = {"slope": weights.pop("slope")} if activation and "slope" in weights else {}
        last = found[-1] if found else None
        bare = last is not None and isinstance(last.op, BatchNorm) and set(last.weights) == _STATS
        if isinstance(op, Scale) and last is not None and bare:
            joined = BatchNorm(last.op.eps, op.scale, op.bias)  # type: ignore[attr-defined]
            found[-1] = replace(last, op=joined, weights={**last.weights, **weights})
        elif weights:
            found.append(_Given(node.label, op, weights))
        if slope and activation is not None:
            found.append(_Given(node.label, activation, slope))
    return found


def _matched(slot: Slot, source: _Given) -> Node:
    """Return the slot's node with the source's weights, and the attributes that go with them."""
    want = {"Conv2D": "product", "Dense": "product"}
    kinds = [type(op).__name__ for op in (slot.op, source.op)]
    if want.get(kinds[0], kinds[0]) != want.get(kinds[1], kinds[1]):
        msg = f"found {source.label} for {slot.name}, expected a {kinds[0]}"
        raise InputError(msg)
    op: Op = slot.op
    shapes = dict(slot.shapes)
    if isinstance(op, (Conv2D, Dense)) and isinstance(source.op, (Conv2D, Dense)):
        op = replace(op, bias=source.op.bias)
        shapes = {"weight": shapes["weight"]}
        if source.op.bias:
            shapes["bias"] = shapes["weight"][-1:]
    elif isinstance(op, BatchNorm) and isinstance(source.op, BatchNorm):
        op = source.op
        channels = shapes["mean"]
        shapes = dict.fromkeys(source.weights, channels)
    elif isinstance(op, PReLU) and isinstance(source.op, PReLU) and source.op.shared:
        op, shapes = source.op, {"slope": (1,)}
    arrays: dict[str, Floats] = {}
    for weight, shape in shapes.items():
        array = np.asarray(source.weights[weight])
        flat = isinstance(slot.op, Dense) and len(shape) == 4 and array.ndim == 2
        if flat and array.shape == (prod(shape[:-1]), shape[-1]):
            height, width, inner, outer = shape
            array = array.reshape(inner, height, width, outer).transpose(1, 2, 0, 3)
        if array.shape != shape:
            msg = f"{source.label}: found {weight} of shape {array.shape}, expected {shape}"
            raise InputError(f"{msg} for {slot.name}")
        arrays[weight] = np.ascontiguousarray(array, np.float32)
    return slot.node(op, arrays)
