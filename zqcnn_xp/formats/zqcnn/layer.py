"""What lies between the text and the graph: a layer with its op and weights, still by blob name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from zqcnn_xp.errors import FormatError, GraphError, InputError, ShapeError
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


def explain(record: Record, error: ShapeError | InputError | GraphError) -> FormatError:
    """Turn an op's refusal into an error that names the line.

    Examples
    --------
    >>> record = Record("a", 3, "ReLU", (("name", "r"),))
    >>> print(explain(record, ShapeError("Op: found 1, expected 2")))
    a, line 3: found 1 in Op of layer 'r', expected 2
    """
    op, _, rest = str(error).partition(": ")
    found, _, expected = rest.partition(", expected ")
    place = f"in {op} of layer {record.name!r}"
    return record.error(
        f"{found.removeprefix('found ')} {place}", expected or "attributes that fit its inputs"
    )
