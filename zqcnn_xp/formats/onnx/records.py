"""What an ONNX file says, as plain frozen records; no meaning is given to any of it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Attribute", "ModelRecord", "NodeRecord", "Port", "Tensor"]

Tensor: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a node.

    Parameters
    ----------
    kind
        ``"float"``, ``"int"``, ``"string"``, ``"tensor"``, ``"floats"``, ``"ints"``,
        ``"strings"``, or the name of a kind that no lowering takes (``"graph"`` ...).
    value
        A Python scalar, string, tuple or NumPy array; None for kinds that are not taken.
    """

    kind: str
    value: Any


@dataclass(frozen=True)
class NodeRecord:
    """One node: its place in the file, op and operands.

    Parameters
    ----------
    index
        Position in the file, from 0.
    name
        May be empty, and need not be unique.
    op_type, domain
        ``domain`` is empty for the standard operators.
    inputs, outputs
        Value names; an empty one is an operand left out.
    """

    index: int
    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def label(self) -> str:
        """Name (or position) and op type, for messages.

        Examples
        --------
        >>> NodeRecord(3, "", "Conv", "", ("x", "w"), ("y",), {}).label
        "node 3 'y' (Conv)"
        """
        name = self.name or next((output for output in self.outputs if output), "")
        return f"node {self.index} {name!r} ({self.op_type})"


@dataclass(frozen=True)
class Port:
    """A declared input or output of the graph.

    Parameters
    ----------
    shape
        Sizes as the file gives them, None where it leaves one open; None altogether where
        it declares no shape.
    dtype
        NumPy dtype, or None where it declares none.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: np.dtype[Any] | None


@dataclass(frozen=True)
class ModelRecord:
    """A whole file: graph name, opset, ports, constants and nodes in file order."""

    file: str
    name: str
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: Mapping[str, Tensor]
    nodes: tuple[NodeRecord, ...]
    metadata: Mapping[str, str]
