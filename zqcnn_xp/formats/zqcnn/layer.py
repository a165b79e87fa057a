"""What lies between the text and the graph: a layer with its op and weights, still by blob name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from zqcnn_xp.formats.place import explain
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["Layer", "Lowering", "Take", "explain"]

Take: TypeAlias = Callable[..., Any]
"""``take(name, shape, cut=True)`` returns the next array of the weight file."""

Lowered: TypeAlias = tuple[Op, dict[str, Any]]

Lowering: TypeAlias = Callable[[Record, tuple[Shape, ...], Take, bool], Lowered]
"""``(record, shapes of its bottoms, take, compat) -> (op, weights)``, one for each type."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One line of the file, understood."""

    record: Record
    op: Op
    weights: Mapping[str, Any]
    bottoms: tuple[str, ...]
    top: str
