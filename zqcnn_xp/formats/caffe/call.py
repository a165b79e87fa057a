"""One layer being lowered: its inputs as values, its weights, and the nodes it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.caffe.blobs import Blobs
from zqcnn_xp.formats.caffe.layer import Layer
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["Call", "Lowering"]

Weights: TypeAlias = Mapping[str, NDArray[np.float32]]


@dataclass(eq=False)
class Call:
    """What a lowering function sees of its layer.

    Parameters
    ----------
    layer
        The record.
    inputs
        Values of its bottoms.
    outputs
        Names for the values of its tops.
    assembly
        The graph under construction.
    blobs
        The weights.
    """

    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    assembly: Assembly
    blobs: Blobs

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Logical shapes of the inputs at the size that the network is read at."""
        return tuple(self.assembly.shapes[value] for value in self.inputs)

    @property
    def shape(self) -> Shape:
        """Logical shape of the first input."""
        return self.assembly.shapes[self.inputs[0]]

    def param(self, name: str) -> Message:
        """Return the layer's parameters of a kind, empty where there are none."""
        return self.layer.message.message(name)

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the layer."""
        return self.layer.error(f"{found} in {self.layer.label}", expected)

    def step(
        self,
        op: Op,
        *inputs: str,
        part: str,
        weights: Weights | None = None,
        output: int = 0,
    ) -> str:
        """Add a node on the way to an output; return its value."""
        read = inputs or self.inputs
        return self.assembly.add(self.layer, op, read, self.outputs[output], weights, part)

    def result(self, op: Op, *inputs: str, weights: Weights | None = None, output: int = 0) -> None:
        """Add the node that makes an output."""
        place = self.layer
        if output:
            place = replace(place, name=f"{place.name}:{output}")
        self.assembly.add(place, op, inputs or self.inputs, self.outputs[output], weights)

    def take(self, index: int, role: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return a blob of the layer."""
        return self.blobs.take(self.layer, index, role, shape)

    def expect(self, count: int) -> None:
        """Refuse another number of blobs."""
        self.blobs.expect(self.layer, count)

    def need_rank(self, *ranks: int) -> None:
        """Refuse a first input of another number of axes."""
        if len(self.shape) not in ranks:
            listed = " or ".join(map(str, ranks))
            raise self.error(f"an input of shape {self.shape}", f"{listed} axes")

    def axis(self, value: int, ends: bool = False) -> int:
        """Return an axis of the first input counted from 0; ``ends`` admits one behind the last.

        Raises
        ------
        FormatError
            If there is no such axis.
        """
        rank = len(self.shape) + ends
        if not -rank <= value < rank:
            raise self.error(f"axis {value} of {self.shape}", f"{-rank} to {rank - 1}")
        return value % rank

    def fix_size(self) -> None:
        """Say that the result holds for the size that the network is read at alone."""
        self.assembly.sized = True


Lowering: TypeAlias = Callable[[Call], Any]
"""Adds a layer's nodes; one for each type."""
