"""One layer being lowered: its inputs, its weights, and where its results go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.ncnn.storage import BinWeights
from zqcnn_xp.formats.operands import Operands
from zqcnn_xp.formats.place import Numbered, Place
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op

__all__ = ["Call", "Lowering", "Operand", "Tensor", "fused"]

Tensor: TypeAlias = NDArray[np.float32]
Operand: TypeAlias = "str | Tensor"


class Call(Operands):
    """What a lowering function works on.

    ncnn's blobs have no batch: its axis 0 is the logical axis 1, and a blob of one, two or three
    dimensions is (N, W), (N, H, W) or (N, C, H, W) here.

    Parameters
    ----------
    record
        The layer.
    assembly
        The graph under construction.
    operands
        Values by name, and arrays of MemoryData, in the order of the bottoms.
    weights
        Where arrays come from.
    """

    record: Record
    operands: list[Operand]

    def __init__(
        self, record: Record, assembly: Assembly, operands: list[Operand], weights: BinWeights
    ) -> None:
        super().__init__(record, assembly, operands)
        self.weights = weights
        self.results: dict[str, Operand] = {}

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Return the logical axis of one of ncnn's; negative ones count from the end."""
        rank = len(self.shape()) if rank is None else rank
        if not 1 - rank <= axis < rank - 1:
            raise self.error(f"axis {axis} of shape {self.shape()}", "an axis of it")
        return axis + 1 if axis >= 0 else axis + rank

    def raw(self, name: str, count: int) -> Tensor:
        """Return the next float32 numbers of the weights."""
        return self.weights.raw(self.record, name, (count,))

    def emit(
        self,
        op: Op,
        *inputs: str,
        weights: dict[str, Any] | None = None,
        part: str = "",
        result: int = 0,
    ) -> str:
        """Add a node; without ``part`` it writes top number ``result``."""
        tops = self.record.tops
        if result >= len(tops):
            raise self.error(f"{len(tops)} tops", f"at least {result + 1}")
        place: Place = self.record
        if result and not part:
            place = Numbered(self.record, f"{self.record.name}:{result}")
        made = self.assembly.add(place, op, inputs or (self.value(),), tops[result], weights, part)
        if not part:
            self.results[tops[result]] = made
        return made


Lowering: TypeAlias = Callable[[Call], None]


def fused(call: Call) -> Activation | None:
    """Return the activation of keys 9 and 10 of a product."""
    kind, values = call.record.integer(9), call.record.numbers(10)
    need = {2: 1, 3: 2, 6: 2}.get(kind, 0)
    if not 0 <= kind <= 6 or len(values) < need:
        found = f"activation {kind} with {len(values)} numbers"
        raise call.error(found, "0 to 6, and the numbers it needs")
    if kind == 0:
        return None
    if kind == 2:
        return Activation("leaky_relu", values[0])
    if kind == 3:
        return Activation("clip", low=values[0], high=values[1])
    if kind == 6:
        return Activation("hard_swish", values[0], beta=values[1])
    if kind == 1:
        return Activation("relu")
    return Activation("sigmoid" if kind == 4 else "mish")
