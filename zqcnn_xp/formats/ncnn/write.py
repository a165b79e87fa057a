"""One node being written: its shapes, its weights, and the files under construction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.ncnn.emit import Emitter, Keys
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape

__all__ = ["Writing"]


class Writing:
    """What a function that writes an op works on.

    Parameters
    ----------
    emit
        The files under construction.
    node
        The node.
    found, other
        Shapes of all values at the sizes at hand, and at others where sizes are free.
    following
        The next nodes, for layers that stand for several.
    """

    def __init__(
        self,
        emit: Emitter,
        node: Node,
        found: Mapping[str, Shape],
        other: Mapping[str, Shape],
        following: tuple[Node, ...],
    ) -> None:
        self.emit = emit
        self.node = node
        self.op: Any = node.op
        self.found = found
        self.other = other
        self.following = following
        self.done: list[str] = [node.name]

    @property
    def shape(self) -> Shape:
        """Logical shape of the first input."""
        return self.found[self.node.inputs[0]]

    @property
    def result(self) -> Shape:
        """Logical shape of the output."""
        return self.found[self.node.outputs[0]]

    def refused(self, reason: str) -> GraphError:
        """Make (not raise) an error that names the node."""
        return GraphError(f"{self.node.label}: {reason}; {self.node.op}")

    def axis(self, axis: int) -> int:
        """Return ncnn's number of a logical axis.

        Raises
        ------
        GraphError
            For the batch, which ncnn does not have.
        """
        axis %= len(self.shape)
        if axis == 0:
            raise self.refused("works along the batch, which ncnn does not have")
        return axis - 1

    def weight(self, name: str) -> Any:
        """Return a weight as a NumPy array."""
        return np.asarray(self.node.weights[name])

    def layer(self, kind: str, keys: Keys | None = None, part: str = "") -> None:
        """Add the node's layer; with ``part`` it writes a step on the way to the output."""
        outputs = self.node.outputs
        if part:
            outputs = (f"{outputs[0]}/{part}",)
        name = f"{self.node.name}/{part}" if part else self.node.name
        self.emit.layer(kind, name, self.node.inputs, outputs, keys)

    def last(self, kind: str, part: str, keys: Keys | None = None) -> None:
        """Add a layer behind the step ``part``, which writes the output."""
        inputs = (f"{self.node.outputs[0]}/{part}",)
        self.emit.layer(kind, self.node.name, inputs, self.node.outputs, keys)
