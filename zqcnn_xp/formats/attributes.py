"""Attributes of ops as JSON values, and back: every value is held against its field's type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from zqcnn_xp import ops
from zqcnn_xp.errors import GraphError, InputError
from zqcnn_xp.ops.base import Op

__all__ = ["decode_op", "encode_op", "encode_plain", "op_types", "short"]

_INT = 1 << 63
_EXACT = 1 << 53  # whole numbers that a float holds exactly
_NON_FINITE = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


@cache
def op_types() -> Mapping[str, type[Op]]:
    """Return every op there is, by the name of its class.

    Examples
    --------
    >>> op_types()["Softmax"]
    <class 'zqcnn_xp.ops.softmax.Softmax'>
    """
    found = (getattr(ops, name) for name in ops.__all__)
    return {
        kind.__name__: kind
        for kind in found
        if isinstance(kind, type) and issubclass(kind, Op) and kind is not Op and is_dataclass(kind)
    }


def encode_op(op: Op) -> dict[str, Any]:
    """Return an op as plain values: its type's name and all attributes.

    Raises
    ------
    GraphError
        If the op is none of `zqcnn_xp.ops`, or an attribute is no plain value.

    Examples
    --------
    >>> encode_op(ops.Softmax(2))
    {'op': 'Softmax', 'attributes': {'axis': 2}}
    """
    name = type(op).__name__
    if op_types().get(name) is not type(op):
        msg = f"found an op of type {type(op)!r}, expected one of zqcnn_xp.ops"
        raise GraphError(msg)
    found = {field.name: encode_plain(getattr(op, field.name)) for field in fields(op)}
    return {"op": name, "attributes": found}


def encode_plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, infinities as words.

    Raises
    ------
    GraphError
        If there is no such form.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if isfinite(number) else str(number)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (tuple, list)):
        return [encode_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: encode_plain(item) for key, item in value.items()}
    if isinstance(value, Op):
        return encode_op(value)
    msg = f"found {value!r} of type {type(value).__name__}, expected plain values"
    raise GraphError(msg)


def decode_op(found: Any, depth: int = 0) -> Op:
    """Return the op that plain values describe.

    Attributes that are absent take their default; there is no other latitude.

    Raises
    ------
    InputError
        If the type is unknown, or an attribute is unknown, absent or of another type. Ops raise
        it too, for values out of range.

    Examples
    --------
    >>> decode_op({"op": "Softmax", "attributes": {"axis": 2}})
    Softmax(axis=2)
    """
    if not isinstance(found, dict) or found.keys() != {"op", "attributes"}:
        msg = f"found {short(found)}, expected an op: {{op, attributes}}"
        raise InputError(msg)
    name, attributes = found["op"], found["attributes"]
    kind = op_types().get(name) if isinstance(name, str) else None
    if kind is None:
        msg = f"found op type {short(name)}, expected one of zqcnn_xp.ops"
        raise InputError(msg)
    if not isinstance(attributes, dict):
        msg = f"{name}: found attributes {short(attributes)}, expected an object"
        raise InputError(msg)
    known = {field.name: field for field in fields(kind)}
    for key in attributes:
        if key not in known:
            msg = f"{name}: found attribute {short(key)}, expected {', '.join(known) or 'none'}"
            raise InputError(msg)
    given: dict[str, Any] = {}
    for key, field in known.items():
        if key in attributes:
            given[key] = _decode(attributes[key], _hints(name)[key], f"{name}.{key}", depth)
        elif field.default is MISSING and field.default_factory is MISSING:
            msg = f"{name}: found no attribute {key}, which has no default"
            raise InputError(msg)
    return kind(**given)


@cache
def _hints(name: str) -> dict[str, Any]:
    return get_type_hints(op_types()[name])


def _decode(found: Any, hint: Any, where: str, depth: int) -> Any:
    """Return a JSON value as the annotated type wants it."""
    if get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            if _fits(found, member):
                return _decode(found, member, where, depth)
    elif _fits(found, hint):
        if hint is float:
            return _NON_FINITE[found] if isinstance(found, str) else float(found)
        if hint is Op:
            # Only activations are ops inside of ops.
            if depth:
                msg = f"{where}: found an op inside of an activation, expected none"
                raise InputError(msg)
            return decode_op(found, depth + 1)
        if get_origin(hint) is tuple:
            kinds = get_args(hint)
            kinds = (kinds[0],) * len(found) if kinds[1:] == (...,) else kinds
            pairs = zip(found, kinds, strict=True)
            return tuple(_decode(item, kind, where, depth) for item, kind in pairs)
        return found
    msg = f"{where}: found {short(found)}, expected {getattr(hint, '__name__', hint)}"
    raise InputError(msg)


def _fits(found: Any, hint: Any) -> bool:
    """Say whether a JSON value has the outer form of a type."""
    if hint is NoneType:
        return found is None
    if get_origin(hint) is Literal:
        return isinstance(found, str) and found in get_args(hint)
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        return isinstance(found, list) and (kinds[1:] == (...,) or len(found) == len(kinds))
    if hint is Op:
        return isinstance(found, dict)
    if hint is float:
        if isinstance(found, str):
            return found in _NON_FINITE
        whole = isinstance(found, int) and not isinstance(found, bool) and abs(found) <= _EXACT
        return isinstance(found, float) or whole
    if hint is int:
        return isinstance(found, int) and not isinstance(found, bool) and -_INT <= found < _INT
    return hint in (bool, str) and isinstance(found, hint)


def short(found: Any) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."
