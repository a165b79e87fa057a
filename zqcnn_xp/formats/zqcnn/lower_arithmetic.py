"""Arithmetic of converted graphs: ScalarOperation, UnaryOperation, Sqrt, Reduction, Tile."""

from __future__ import annotations

from typing import Literal

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.scalar import Scalar, ScalarKind, ScalarOf
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.unary import Unary

__all__ = ["reduction", "scalar_operation", "sqrt", "tile", "unary_operation"]

_OPERATIONS: tuple[tuple[ScalarKind, tuple[str, ...]], ...] = (
    ("multiply", ("MUL", "PROD", "0")),
    ("divide", ("DIV", "1")),
    ("add", ("ADD", "SUM", "PLUS", "2")),
    ("subtract", ("MINUS", "SUB", "3")),
    ("max", ("MAX", "4")),
    ("min", ("MIN", "5")),
    ("power", ("POW", "6")),
    ("reverse_divide", ("RDIV", "7")),
    ("reverse_subtract", ("RMINUS", "8")),
)
_LAST_AXIS = 3


def scalar_operation(
    record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool
) -> Lowered:
    """``ScalarOperation``: every element and the number ``scalar``."""
    return Scalar(_operation(record), record.number("scalar")), {}


def unary_operation(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``UnaryOperation``: elements of the second bottom and the first element of the first."""
    return ScalarOf(_operation(record)), {}


def sqrt(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Sqrt`` of every element."""
    return Unary("sqrt"), {}


def reduction(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Reduction``: sum or mean along ``axis``, which stays with a size of 1.

    Blobs always have four dimensions, so that ``keepdims`` makes no difference; in the original
    ``keepdims=0`` folds everything into one number, and ``compat`` does the same.
    """
    axis = record.integer("axis", 1)
    if axis > _LAST_AXIS:
        raise record.error(f"axis={axis}", f"an axis from 0 to {_LAST_AXIS}")
    everything = compat and not record.switch("keepdims")
    return Reduce(_fold(record), None if everything else (axis,)), {}


def tile(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Tile``: ``n``, ``c``, ``h`` and ``w`` copies side by side."""
    n, c, h, w = (record.integer(key, 1, low=1) for key in ("n", "c", "h", "w"))
    return Tile((n, c, h, w)), {}


def _operation(record: Record) -> ScalarKind:
    word = record.text("operation").upper()
    for kind, words in _OPERATIONS:
        if word in words:
            return kind
    known = ", ".join(words[0] for _, words in _OPERATIONS)
    raise record.error(f"operation={word}", f"operation= one of {known}")


def _fold(record: Record) -> Literal["sum", "mean"]:
    word = record.text("operation").upper()
    if word in ("SUM", "ADD", "PLUS", "0"):
        return "sum"
    if word in ("MEAN", "AVG", "1"):
        return "mean"
    raise record.error(f"operation={word}", "operation=SUM or MEAN")
