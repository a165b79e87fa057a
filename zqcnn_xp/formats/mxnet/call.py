"""One node being lowered: its operands, and where its results go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.mxnet.params import Params
from zqcnn_xp.formats.mxnet.record import Record
from zqcnn_xp.formats.operands import Operands
from zqcnn_xp.formats.place import Numbered, Place
from zqcnn_xp.ops.base import Op

__all__ = ["Call", "Lowering", "Operand", "Tensor"]

Tensor: TypeAlias = NDArray[np.float32]
Operand: TypeAlias = "str | Tensor | None"
"""Name of a value, an array of the .params file, or None: a variable without an array."""


class Call(Operands):
    """What a lowering function works on.

    Parameters
    ----------
    record
        The node.
    assembly
        The graph under construction.
    operands
        One for each input.
    params
        The arrays, for inputs that old files leave out.
    used
        Names of the arrays that were read; this call adds its own.
    """

    record: Record
    operands: list[Operand]

    def __init__(
        self,
        record: Record,
        assembly: Assembly,
        operands: list[Operand],
        params: Params,
        used: set[str],
    ) -> None:
        super().__init__(record, assembly, operands)
        self.params = params
        self.used = used
        self.results: dict[int, str] = {}

    def tensor(self, place: int, role: str, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return an input that is an array of the .params file.

        Parameters
        ----------
        place
            Which input.
        role
            Its name among the operator's inputs: where a file of MXNet 0.8 leaves an input out,
            the array is called after the node and its role.
        shape
            What it must be; None leaves that to the caller.
        """
        operand: Operand = self.operands[place] if place < len(self.operands) else None
        name = f"{self.record.name}_{role}"
        if place >= len(self.operands) and name in self.params.arrays:
            self.used.add(name)
            operand = self.params.arrays[name]
        if isinstance(operand, str):
            raise self.error(f"the computed value {operand!r} as {role}", "an array")
        if operand is None:
            raise self.error(f"no array {name!r}", f"one in {self.params.file} for its {role}")
        if shape is not None and operand.shape != shape:
            raise self.error(f"{role} of shape {operand.shape}", f"shape {shape}")
        return operand

    def emit(
        self,
        op: Op,
        *inputs: str,
        weights: dict[str, Any] | None = None,
        part: str = "",
        result: int = 0,
        many: bool = False,
    ) -> str:
        """Add a node; without ``part`` it gives result number ``result`` of this operator.

        Parameters
        ----------
        op, weights
            As of `zqcnn_xp.graph.Node`.
        inputs
            Names of values; the first input where none are given.
        part
            Name of a step on the way.
        result
            Which output this is.
        many
            The operator has several, which are then numbered.
        """
        output = f"{self.record.name}_output{result if many else ''}"
        place: Place = self.record
        if many and not part:
            place = Numbered(self.record, f"{self.record.name}{result}")
        name = self.assembly.add(place, op, inputs or (self.value(),), output, weights, part)
        if not part:
            self.results[result] = name
        return name


Lowering: TypeAlias = Callable[[Call], None]
