"""The graph under construction: names, operands, nodes, and conversions shared between nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.onnx.records import ModelRecord, Tensor
from zqcnn_xp.formats.onnx.tensors import MAX_RANK
from zqcnn_xp.formats.onnx.values import Const, Operand, Value
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape

if TYPE_CHECKING:
    from zqcnn_xp.formats.onnx.call import Call

__all__ = ["Builder"]


class Builder:
    """Collects what the lowering functions make.

    Parameters
    ----------
    model
        The parsed file.
    limits
        Bounds on what it may ask for.
    probes
        How many sets of sizes shapes are followed at (`zqcnn_xp.formats.onnx.values`).
    """

    def __init__(self, model: ModelRecord, limits: Limits, probes: int) -> None:
        self.file = model.file
        self.opset = model.opset
        self.limits = limits
        self.probes = probes
        self.operands: dict[str, Operand] = {}
        self.nodes: list[Node] = []
        self.records = model.nodes
        self.done: set[int] = set()
        self.defined = {*model.tensors, *(port.name for port in model.inputs)}
        self.consumers = _consumers(model)
        self.outputs = frozenset(port.name for port in model.outputs)
        self.reserved = {name for node in model.nodes for name in node.outputs}
        self.reserved.update(port.name for port in model.inputs)
        self.padded: dict[str, tuple[Value, tuple[int, int, int, int]]] = {}
        self._taken: dict[str, int] = {}
        self._node_names: set[str] = set()
        self._converted: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}

    def is_used(self, name: str) -> bool:
        """Tell whether a node reads the name, or the graph gives it out."""
        return name in self.outputs or bool(self.consumers.get(name))

    def sole_consumer(self, name: str) -> int | None:
        """Return the index of the only node that reads a name (once) that is no output."""
        consumers = self.consumers.get(name, [])
        return consumers[0] if len(consumers) == 1 and name not in self.outputs else None

    def constant(self, array: Tensor) -> Const:
        """Return an array as an operand that no size changes."""
        return Const((array,) * self.probes)

    def value_name(self, output: str, last: bool) -> str:
        """Return the file's name for the last node of a lowering, a fresh one for others."""
        return output if last else self._fresh(output, self.reserved)

    def node_name(self, name: str) -> str:
        """Return a unique name for a node; files may leave it empty or use it twice."""
        unique = name if name not in self._node_names else self._fresh(name, self._node_names)
        self._node_names.add(unique)
        return unique

    def _fresh(self, base: str, taken: set[str]) -> str:
        # Counting on from the last number keeps this linear for a name used many times.
        count = self._taken.get(base, 0)
        while True:
            count += 1
            name = f"{base}#{count}"
            if name not in taken:
                break
        self._taken[base] = count
        taken.add(name)
        return name

    def converted(self, array: Tensor, key: str, convert: Callable[[], Tensor]) -> Tensor:
        """Convert a weight once, however many nodes share it."""
        place = (id(array), key)
        if place not in self._converted:
            # The source is kept beside the result: its id is the key.
            self._converted[place] = (array, np.ascontiguousarray(convert()))
        return self._converted[place][1]

    def check_size(self, call: Call, shape: Shape) -> None:
        """Refuse a result larger than the limits admit.

        Raises
        ------
        FormatError
            Naming the node.
        """
        if len(shape) > MAX_RANK:
            raise call.error(f"a result of {len(shape)} axes", f"at most {MAX_RANK}")
        if prod(shape) > self.limits.max_elements:
            expected = f"at most {self.limits.max_elements:,} elements (Limits.max_elements)"
            raise call.error(f"a result of shape {shape}", expected)


def _consumers(model: ModelRecord) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for node in model.nodes:
        for name in node.inputs:
            if name:
                found.setdefault(name, []).append(node.index)
    return found
