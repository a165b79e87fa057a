"""Assemble a network layer by layer, with the names that each layer has in weight files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zqcnn_xp.errors import GraphError
from zqcnn_xp.graph import GraphInput, Node
from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Elementwise,
    Flatten,
    MaxFeatureMap,
    Op,
    Pool2D,
    PReLU,
)
from zqcnn_xp.ops.base import Shape

__all__ = ["Layers", "Names", "Slot"]

Names = Mapping[str, str]
"""Base name of a layer's weights by convention: ``{"torch": "layer1.0.bn1", "mxnet": ...}``."""


@dataclass(frozen=True)
class Slot:
    """A layer whose weights are not there yet.

    Parameters
    ----------
    name, op, inputs, output
        As in a `Node`.
    shapes
        Of the weights.
    names
        See `Names`.
    eps
        Epsilon of a batch normalisation by convention, where conventions differ.
    unit
        Conventions in which the scale is 1 whatever the file holds (MXNet's ``fix_gamma``).
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    output: str
    shapes: Mapping[str, Shape]
    names: Names
    eps: Mapping[str, float] = field(default_factory=dict)
    unit: frozenset[str] = frozenset()

    def node(self, op: Op, weights: Mapping[str, Any]) -> Node:
        """Return the layer with weights, and with the op that goes with them."""
        return Node(self.name, op, self.inputs, (self.output,), weights)


class Layers:
    """A network under construction.

    Parameters
    ----------
    name
        Of the network.
    shape
        (C, H, W) of the input.
    style
        The convention whose base names become node names.
    free
        Admit any height and width; ``shape`` is the nominal size.

    Examples
    --------
    >>> net = Layers("tiny", (3, 8, 8), style="torch")
    >>> x = net.prelu({"torch": "act"}, net.conv({"torch": "conv"}, "data", 4, 3))
    >>> net.shapes[x]
    (1, 4, 6, 6)
    """

    def __init__(
        self, name: str, shape: tuple[int, int, int], *, style: str, free: bool = False
    ) -> None:
        size = (None, shape[0], None, None) if free else (None, *shape)
        self.name = name
        self.style = style
        self.inputs = (GraphInput("data", size, (1, *shape)),)
        self.slots: list[Slot] = []
        self.shapes: dict[str, Shape] = {"data": (1, *shape)}
        self.blobs: dict[str, str] = {"data": "data"}

    def add(
        self,
        names: str | Names,
        op: Op,
        *inputs: str,
        eps: Mapping[str, float] | None = None,
        unit: frozenset[str] = frozenset(),
    ) -> str:
        """Append a layer and return the name of its result.

        Raises
        ------
        GraphError
            If the name is taken.
        ShapeError
            If the op does not take such inputs.
        """
        table = {self.style: names} if isinstance(names, str) else names
        name = table[self.style]
        if name in self.shapes:
            msg = f"found a second layer {name!r}, expected unique names"
            raise GraphError(msg)
        shapes = [self.shapes[value] for value in inputs]
        (self.shapes[name],) = op.infer(*shapes)
        self.blobs[name] = name
        weights = op.weights(*shapes)
        self.slots.append(Slot(name, op, inputs, name, weights, table, eps or {}, unit))
        return name

    def alias(self, blob: str, value: str) -> None:
        """Let a value be asked for under another name too."""
        self.blobs[blob] = value

    def conv(
        self,
        names: str | Names,
        x: str,
        channels: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        *,
        groups: int = 1,
        bias: bool = False,
    ) -> str:
        """Append a convolution with a square window."""
        op = Conv2D(
            channels,
            (kernel, kernel),
            (stride, stride),
            pads=(pad,) * 4,
            groups=groups,
            bias=bias,
        )
        return self.add(names, op, x)

    def depthwise(
        self, names: str | Names, x: str, kernel: int, stride: int = 1, pad: int = 0, **more: bool
    ) -> str:
        """Append a convolution of each channel by itself."""
        channels = self.shapes[x][1]
        return self.conv(names, x, channels, kernel, stride, pad, groups=channels, **more)

    def bn(
        self,
        names: str | Names,
        x: str,
        eps: float | Mapping[str, float],
        unit: frozenset[str] = frozenset(),
    ) -> str:
        """Append a batch normalisation; ``eps`` may differ between conventions."""
        table = eps if isinstance(eps, Mapping) else {self.style: eps}
        return self.add(names, BatchNorm(table[self.style]), x, eps=table, unit=unit)

    def prelu(self, names: str | Names, x: str) -> str:
        """Append a rectifier with a slope per channel."""
        return self.add(names, PReLU(), x)

    def relu(self, names: str | Names, x: str) -> str:
        """Append a rectifier."""
        return self.add(names, Activation("relu"), x)

    def mfm(self, names: str | Names, x: str) -> str:
        """Append a max feature map."""
        return self.add(names, MaxFeatureMap(), x)

    def dense(self, names: str | Names, x: str, features: int, *, bias: bool = True) -> str:
        """Append a matrix product; of a map (N, C, H, W) the result is (N, O, 1, 1)."""
        return self.add(names, Dense(features, bias), x)

    def plus(self, names: str | Names, *xs: str) -> str:
        """Append a sum."""
        return self.add(names, Elementwise("sum"), *xs)

    def maxpool(
        self,
        names: str | Names,
        x: str,
        kernel: int,
        stride: int,
        pad: int = 0,
        *,
        ceil: bool = False,
        clip: bool = True,
    ) -> str:
        """Append a maximum over square windows; ``clip``: the last one starts inside the map."""
        op = Pool2D(
            "max",
            (kernel, kernel),
            (stride, stride),
            pads=(pad,) * 4,
            ceil=ceil,
            clip_last=ceil and clip,
        )
        return self.add(names, op, x)

    def vector(self, names: str | Names, x: str) -> str:
        """Append the change from (N, C, 1, 1) to (N, C)."""
        return self.add(names, Flatten(form="drop"), x)
