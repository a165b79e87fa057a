"""Plain values and ops as Python source that gives them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import isfinite
from typing import Any

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.attributes import op_types
from zqcnn_xp.ops.base import Op

__all__ = ["call", "source"]

WIDTH = 100
STEP = "    "


def source(value: Any) -> str:
    """Return an expression for a value, in which ``ops`` is `zqcnn_xp.ops`.

    Raises
    ------
    GraphError
        If the value has none.

    Examples
    --------
    >>> from zqcnn_xp.ops import Conv2D, PReLU
    >>> source(Conv2D(8, (3, 3), activation=PReLU()))
    'ops.Conv2D(out_channels=8, kernel=(3, 3), activation=ops.PReLU())'
    >>> print(source({"a": (1.5, float("inf"))}))
    {"a": (1.5, float("inf"))}
    """
    if isinstance(value, Op):
        return _op(value)
    if isinstance(value, (np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):
        return f'float("{value}")'
    if type(value) is str:
        text = ascii(value)
        # Both quotes are fine for Python; people are used to these.
        return text if '"' in value or "'" in value else f'"{text[1:-1]}"'
    if value is None or type(value) in (bool, int, float):
        return repr(value)
    if isinstance(value, (tuple, list)):
        items = [source(item) for item in value]
        if isinstance(value, list):
            return f"[{', '.join(items)}]"
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if isinstance(value, Mapping):
        pairs = (f"{source(key)}: {source(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    msg = f"found a value of type {type(value).__name__}, expected one that Python can spell"
    raise GraphError(msg)


def _op(op: Op) -> str:
    name = type(op).__name__
    if op_types().get(name) is not type(op):
        msg = f"found an op of type {name}, expected one of zqcnn_xp.ops"
        raise GraphError(msg)
    given = []
    for field in fields(op):
        value = getattr(op, field.name)
        # `-0.0` and `0.0`, `1` and `True` are equal, but not the same.
        if field.default is MISSING or source(value) != source(field.default):
            given.append(f"{field.name}={source(value)}")
    return f"ops.{name}({', '.join(given)})"


def call(name: str, parts: list[str], depth: int, *, end: str = "") -> list[str]:
    """Return the lines of a call, on one line where it fits.

    Examples
    --------
    >>> call("f", ["1", "x=2"], 1, end=",")
    ['    f(1, x=2),']
    """
    margin = STEP * depth
    line = f"{margin}{name}({', '.join(parts)}){end}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{margin}{name}(", *(f"{margin}{STEP}{part}," for part in parts), f"{margin}){end}"]
