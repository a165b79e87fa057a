"""Build an ONNX model node by node: names, constants, inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Emitter"]

# The oldest file version that knows opset 17; newer ones are refused by older runtimes.
IR_VERSION = 8


class Emitter:
    """Collect what an ONNX model holds, keeping value names unique.

    Parameters
    ----------
    opset
        Version of the operator set.
    fixed
        All input sizes are known, so what depends on them may be written as constants.
    """

    def __init__(self, opset: int, *, fixed: bool = False) -> None:
        self.opset = opset
        self.fixed = fixed
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._taken: set[str] = set()

    def fresh(self, name: str) -> str:
        """Return a value name that is not taken yet."""
        found, count = name, 0
        while found in self._taken:
            count += 1
            found = f"{name}_{count}"
        self._taken.add(found)
        return found

    def constant(self, name: str, value: Any) -> str:
        """Add an initializer and return its name."""
        from onnx import numpy_helper

        name = self.fresh(name)
        array = np.asarray(value)
        if array.ndim:
            array = np.ascontiguousarray(array)
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def input(self, name: str, shape: Sequence[int | None]) -> None:
        """Add a float32 input; a free size becomes a symbolic dimension."""
        from onnx import TensorProto, helper

        sizes = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)]
        self._taken.add(name)
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))

    def output(self, name: str, rank: int) -> None:
        """Name a value as an output."""
        from onnx import TensorProto, helper

        sizes: list[Any] = [None] * rank
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node with one output."""
        from onnx import helper

        self._taken.add(output)
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def model(self, name: str) -> bytes:
        """Return the model's bytes."""
        from onnx import helper

        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, list(self._constants.values())
        )
        found = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=IR_VERSION,
            producer_name="zqcnn-xp",
        )
        data: bytes = found.SerializeToString()
        return data
