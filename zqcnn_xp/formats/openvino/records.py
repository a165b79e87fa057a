"""What an IR file says, as plain frozen records; no meaning is given to any of it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zqcnn_xp.formats.onnx.records import NodeRecord

__all__ = ["Edge", "Layer", "LayerNode", "NetRecord", "OutputPort"]


@dataclass(frozen=True)
class OutputPort:
    """One output of a layer: its port number, and the tensor names it goes by (from version 11)."""

    number: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """One ``<layer>``: identity, the attributes of its ``<data>``, and its ports in order.

    Parameters
    ----------
    line
        Line of the file, from 1.
    number
        The file's ``id``.
    kind, version
        Operation type and operation set, such as ``"MaxPool"`` and ``"opset8"``.
    """

    line: int
    number: int
    name: str
    kind: str
    version: str
    attributes: Mapping[str, str]
    inputs: tuple[int, ...]
    outputs: tuple[OutputPort, ...]

    @property
    def label(self) -> str:
        """Place, name and type, for messages.

        Examples
        --------
        >>> Layer(7, 3, "conv1", "Convolution", "opset1", {}, (), ()).label
        "line 7, layer 3 'conv1' (Convolution)"
        """
        return f"line {self.line}, layer {self.number} {self.name!r} ({self.kind})"


@dataclass(frozen=True)
class Edge:
    """One ``<edge>``: (layer, port) of an output, then of an input."""

    line: int
    source: tuple[int, int]
    target: tuple[int, int]


@dataclass(frozen=True)
class NetRecord:
    """A whole .xml file."""

    file: str
    name: str
    version: int
    layers: tuple[Layer, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class LayerNode(NodeRecord):
    """A layer as an operator on named tensors; its attributes are strings as in the file."""

    line: int = 0
    number: int = 0
    version: str = "opset1"

    @property
    def label(self) -> str:
        """Place, name and type, for messages."""
        return f"line {self.line}, layer {self.number} {self.name!r} ({self.op_type})"
