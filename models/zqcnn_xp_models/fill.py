"""Give a network its weights: random ones, those of a file by name, or another graph's by order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp_models.by_name import by_name
from zqcnn_xp_models.by_order import by_order
from zqcnn_xp_models.layers import Layers, Slot

__all__ = ["Weights", "finish"]

Floats: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Graph | Mapping[str, Any] | None
"""What a builder takes: a graph, named arrays, or None for random weights."""


def finish(
    layers: Layers,
    outputs: Iterable[str],
    weights: Weights = None,
    *,
    seed: int = 0,
    unused: tuple[str, ...] = (),
    renamed: Mapping[str, str] | None = None,
) -> Graph:
    """Return the network with weights.

    Parameters
    ----------
    layers
        The network.
    outputs
        Names of its outputs.
    weights
        None for seeded random weights; a mapping of names to arrays, whose names follow one of
        the conventions of the layers (PyTorch: OIHW kernels, ``running_var``; MXNet: ``_gamma``,
        ``_moving_var``, with or without ``arg:``); or a graph of the same layers in the same
        order, whose epsilons, scales and biases then hold.
    seed
        Of the random weights.
    unused
        Prefixes of names that may be left over, such as a classifier's.
    renamed
        Names in files that break the rule, to what the rule expects.

    Raises
    ------
    InputError
        If a weight is missing, left over, or has another shape; names it.
    """
    if isinstance(weights, Graph):
        nodes = by_order(layers, weights)
    elif isinstance(weights, Mapping):
        nodes = by_name(layers, weights, unused, renamed or {})
    elif weights is None:
        rng = np.random.default_rng(seed)
        nodes = [slot.node(slot.op, _random(rng, slot)) for slot in layers.slots]
    else:
        msg = f"found weights of type {type(weights).__name__}, expected a mapping, graph or None"
        raise InputError(msg)
    graph = Graph(layers.inputs, tuple(nodes), tuple(outputs), layers.blobs, layers.name)
    return graph.validate()


def _random(rng: np.random.Generator, slot: Slot) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name, shape in slot.shapes.items():
        if name == "weight":
            fan = max(prod(shape[:-1]), 1)
            noise = rng.standard_normal(shape, dtype=np.float32)
            found[name] = noise * np.float32(sqrt(2 / fan))
        elif name == "slope":
            found[name] = np.full(shape, 0.25, np.float32)
        else:
            centre = np.float32(name not in ("bias", "mean"))
            found[name] = centre + rng.uniform(-0.1, 0.1, shape).astype(np.float32)
    return found
