"""Build a .zqparams text and its .nchwbin weights line by line."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.zqcnn.names import Words
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape

__all__ = ["Emitter", "four", "number", "refused", "sides"]


def refused(node: Node, reason: str) -> GraphError:
    """Make (not raise) the error for what the format cannot say."""
    return GraphError(f"{node.label}: {reason}; {node.op}")


def four(shape: Sequence[int]) -> Shape:
    """Return a shape as the format has it: four sizes, 1 where there are fewer axes.

    Examples
    --------
    >>> four((2, 10))
    (2, 10, 1, 1)
    """
    return (*shape, *(1,) * (4 - len(shape)))


def number(node: Node, value: float) -> str:
    """Write a number so that the same float is read from it.

    Raises
    ------
    GraphError
        If it is not finite, or has an exponent of three digits.
    """
    if not isfinite(value) or (value and not 1e-99 <= abs(value) < 1e100):
        raise refused(node, f"the number {value} cannot be written in a .zqparams file")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def sides(both: str, first: str, second: str, values: Sequence[Any]) -> list[str]:
    """Return one key where both values are equal, else two.

    Examples
    --------
    >>> sides("stride", "stride_H", "stride_W", (2, 2)), sides("pad", "pad_H", "pad_W", (1, 0))
    (['stride=2'], ['pad_H=1', 'pad_W=0'])
    """
    if values[0] == values[1]:
        return [f"{both}={values[0]}"]
    return [f"{first}={values[0]}", f"{second}={values[1]}"]


class Emitter:
    """Collects lines and weights.

    Parameters
    ----------
    blobs
        Blob of each value.
    layers
        Name of each node's line.
    words
        Where names of helper lines come from.
    blob_words
        Where names of helper blobs come from.
    fixed
        Shapes are those that the network will run at, so that a line may depend on them.
    sized
        The Input line has a height and a width.
    """

    def __init__(
        self,
        blobs: dict[str, str],
        layers: dict[str, str],
        words: Words,
        blob_words: Words,
        *,
        fixed: bool,
        sized: bool,
    ) -> None:
        self.blobs = blobs
        self.layers = layers
        self.fixed = fixed
        self.sized = sized
        self._words = words
        self._blob_words = blob_words
        self._lines: list[str] = []
        self._weights: list[bytes] = []

    def line(
        self,
        kind: str,
        node: Node,
        *fields: str,
        bottoms: Sequence[str] | None = None,
        top: str | None = None,
        part: str = "",
        weights: Sequence[Any] = (),
    ) -> str:
        """Add a line and return its top.

        Parameters
        ----------
        kind
            The layer type.
        node
            What it is written for.
        *fields
            ``key=value`` words, or a key alone.
        bottoms, top
            Blobs; by default the node's own.
        part
            What a line that is not the node's only one is called after the node's name.
        weights
            Arrays in the order of the file.
        """
        name = self._words.fresh(f"{node.name}_{part}") if part else self.layers[node.name]
        if bottoms is None:
            bottoms = [self.blobs[value] for value in node.inputs]
        if top is None:
            top = self.blobs[node.outputs[0]]
        ends = [*(f"bottom={bottom}" for bottom in bottoms), f"top={top}"]
        self._lines.append(" ".join([kind, f"name={name}", *ends, *fields]))
        self._weights += [np.ascontiguousarray(w, "<f4").tobytes() for w in weights]
        return top

    def head(self, line: str) -> None:
        """Add the Input line."""
        self._lines.append(line)

    def fresh(self, node: Node, part: str) -> str:
        """Return a blob that nothing else has."""
        return self._blob_words.fresh(f"{node.outputs[0]}/{part}")

    def files(self) -> tuple[bytes, bytes]:
        """Return the text and the weights."""
        return ("\n".join(self._lines) + "\n").encode(), b"".join(self._weights)
