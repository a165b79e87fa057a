"""A layer's inputs while it is lowered: computed values, or arrays that the file holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.place import Place
from zqcnn_xp.ops.base import Shape

__all__ = ["Operands"]


class Operands:
    """Inputs of a layer of a format whose weights may stand among them.

    Parameters
    ----------
    record
        The layer.
    assembly
        The graph under construction.
    operands
        One for each input: the name of a value, an array, or None.
    """

    record: Place
    operands: Sequence[Any]

    def __init__(self, record: Place, assembly: Assembly, operands: Sequence[Any]) -> None:
        self.record = record
        self.assembly = assembly
        self.operands = operands

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the layer."""
        return self.record.error(found, expected)

    def value(self, place: int = 0) -> str:
        """Return the name of an input that is a value."""
        operand = self.operands[place] if place < len(self.operands) else None
        if not isinstance(operand, str):
            found = "none" if operand is None else "an array"
            raise self.error(f"{found} as input {place}", "a computed value")
        return operand

    def shape(self, place: int = 0) -> Shape:
        """Return the logical shape of an input at the sizes at hand."""
        return self.assembly.shapes[self.value(place)]

    def map_shape(self, place: int = 0) -> Shape:
        """Return the shape of an input, refused unless it is (N, C, H, W)."""
        shape = self.shape(place)
        if len(shape) != 4:
            raise self.error(f"an input of shape {shape}", "four dimensions: N, C, H, W")
        return shape
